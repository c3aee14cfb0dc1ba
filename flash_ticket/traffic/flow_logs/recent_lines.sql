WITH lines AS (
  SELECT
    "interface_id",
    "flow_direction",
    "action",
    "reject_reason",
    "log_status",
    "srcport",
    "dstport",
    "protocol",
    "tcp_flags",
    "start",
    "end",
    CASE WHEN pkt_srcaddr <> '-' THEN pkt_srcaddr WHEN srcaddr <> '-' THEN srcaddr END AS sender,
    CASE WHEN pkt_dstaddr <> '-' THEN pkt_dstaddr WHEN dstaddr <> '-' THEN dstaddr END AS receiver
  FROM recent
), checked AS (
  SELECT
    *,
    CASE
      WHEN (
        BITWISE_OR(srcport, dstport)
      ) BETWEEN 0 AND 65535
      AND (
        BITWISE_OR(protocol, tcp_flags)
      ) BETWEEN 0 AND 255
      AND "start" BETWEEN 0 AND "end"
      AND "end" <= 253402300799
      AND action = 'ACCEPT'
      AND log_status = 'OK'
      AND flow_direction IN ('ingress', 'egress')
      AND NOT sender IS NULL
      AND NOT receiver IS NULL
      THEN TRUE
      ELSE COALESCE(
        NOT sender IS NULL
        AND NOT receiver IS NULL
        AND protocol BETWEEN 0 AND 255
        AND (
          srcport BETWEEN 0 AND 65535
          OR (
            srcport IS NULL AND NOT protocol IN (6, 17, 132)
          )
        )
        AND (
          dstport BETWEEN 0 AND 65535
          OR (
            dstport IS NULL AND NOT protocol IN (6, 17, 132)
          )
        )
        AND "start" BETWEEN 0 AND 253402300799
        AND "end" BETWEEN 0 AND 253402300799
        AND "end" >= "start"
        AND action IN ('ACCEPT', 'REJECT')
        AND (
          tcp_flags IS NULL OR tcp_flags BETWEEN 0 AND 255
        )
        AND (
          flow_direction IS NULL OR flow_direction IN ('ingress', 'egress', '-')
        )
        AND (
          log_status IS NULL OR log_status IN ('OK', '-')
        ),
        FALSE
      )
    END AS is_traffic
  FROM lines
), turned AS (
  SELECT
    *,
    is_traffic
    AND (
      CASE
        WHEN NOT protocol IN (6, 17, 132)
        THEN FALSE
        WHEN protocol = 6 AND BITWISE_AND(tcp_flags, 18) = 18
        THEN TRUE
        WHEN protocol = 6 AND BITWISE_AND(tcp_flags, 18) = 2
        THEN FALSE
        ELSE srcport > 0 AND srcport < dstport
      END
    ) AS is_reply
  FROM checked
), keyed AS (
  SELECT
    CASE
      WHEN is_traffic
      THEN action
      WHEN log_status = 'NODATA'
      THEN 'no data'
      WHEN log_status = 'SKIPDATA'
      THEN 'skip data'
      ELSE 'malformed'
    END AS outcome,
    is_reply,
    tcp_flags,
    "start",
    "end",
    CASE WHEN is_reply THEN receiver WHEN is_traffic THEN sender END AS source,
    CASE WHEN is_reply THEN sender WHEN is_traffic THEN receiver END AS destination,
    CASE WHEN is_traffic THEN protocol END AS number,
    CASE
      WHEN is_reply
      THEN srcport
      WHEN is_traffic
      THEN CASE WHEN protocol IN (6, 17, 132) THEN dstport ELSE 0 END
    END AS port,
    CASE
      WHEN is_traffic AND action = 'REJECT'
      THEN CASE
        WHEN NOT is_reply
        THEN NULLIF(flow_direction, '-')
        WHEN flow_direction = 'ingress'
        THEN 'egress'
        WHEN flow_direction = 'egress'
        THEN 'ingress'
      END
    END AS direction,
    CASE WHEN is_traffic AND action = 'REJECT' THEN NULLIF(reject_reason, '-') END AS reason,
    CASE WHEN is_traffic AND action = 'REJECT' THEN NULLIF(interface_id, '-') END AS interface
  FROM turned
), grouped AS (
  SELECT
    outcome,
    source,
    destination,
    number,
    port,
    direction,
    reason,
    interface,
    COUNT(*) AS lines,
    MIN("start") AS first_start,
    MAX("end") AS last_end,
    BOOL_OR(is_reply OR (
      number = 6 AND tcp_flags <> 2
    )) AS shows_answer,
    BOOL_AND(COALESCE(tcp_flags = 2, FALSE)) AS only_opens
  FROM keyed
  GROUP BY
    outcome,
    source,
    destination,
    number,
    port,
    direction,
    reason,
    interface
), compared AS (
  SELECT
    *,
    BOOL_OR(outcome = 'ACCEPT' AND (
      shows_answer OR NOT number IN (6, 17, 132)
    )) OVER (
      PARTITION BY source, destination, number, port
      ORDER BY outcome DESC, direction, interface, reason
      ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    ) AS answered,
    FIRST_VALUE(outcome) OVER (
      PARTITION BY source, destination, number, port
      ORDER BY outcome DESC, direction, interface, reason
      ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    ) AS first_outcome,
    FIRST_VALUE(direction) OVER (
      PARTITION BY source, destination, number, port
      ORDER BY outcome DESC, direction, interface, reason
      ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    ) AS first_direction,
    FIRST_VALUE(reason) OVER (
      PARTITION BY source, destination, number, port
      ORDER BY outcome DESC, direction, interface, reason
      ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    ) AS first_reason,
    FIRST_VALUE(interface) OVER (
      PARTITION BY source, destination, number, port
      ORDER BY outcome DESC, direction, interface, reason
      ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    ) AS first_interface
  FROM grouped
), judged AS (
  SELECT
    *,
    CASE
      WHEN source IS NULL
      THEN NULL
      WHEN outcome = 'REJECT'
      THEN 'stopped'
      WHEN answered
      THEN 'passed'
      WHEN first_outcome = 'REJECT'
      THEN 'stopped'
      WHEN number = 6 AND only_opens
      THEN 'unanswered'
      ELSE 'passed'
    END AS disposition
  FROM compared
)
SELECT
  CASE WHEN source IS NULL THEN outcome ELSE 'traffic' END AS kind,
  disposition,
  source,
  destination,
  number AS protocol,
  port,
  CASE
    WHEN outcome = 'REJECT'
    THEN direction
    WHEN disposition = 'stopped'
    THEN first_direction
  END AS direction,
  CASE
    WHEN outcome = 'REJECT'
    THEN reason
    WHEN disposition = 'stopped'
    THEN first_reason
  END AS reason,
  CASE
    WHEN outcome = 'REJECT'
    THEN interface
    WHEN disposition = 'stopped'
    THEN first_interface
  END AS interface,
  lines,
  first_start,
  last_end
FROM judged
