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
    srcport BETWEEN 0 AND 65535
    AND dstport BETWEEN 0 AND 65535
    AND protocol BETWEEN 0 AND 255
    AND tcp_flags BETWEEN 0 AND 255
    AND "start" >= 0
    AND "end" <= 253402300799
    AND "start" <= "end"
    AND action IN ('ACCEPT', 'REJECT')
    AND log_status = 'OK'
    AND flow_direction IN ('ingress', 'egress')
    AND NOT sender IS NULL
    AND NOT receiver IS NULL AS is_usual,
    CASE
      WHEN protocol = 6 AND BITWISE_AND(tcp_flags, 2) = 2
      THEN BITWISE_AND(tcp_flags, 16) = 16
      ELSE srcport > 0 AND srcport < dstport
    END AS is_reply
  FROM lines
), keyed AS (
  SELECT
    sender,
    receiver,
    protocol,
    CASE WHEN is_reply THEN srcport ELSE dstport END AS called_port,
    is_reply,
    CASE
      WHEN is_usual
      THEN CASE
        WHEN action = 'REJECT'
        THEN CONCAT(
          CAST('REJECT' AS VARCHAR),
          CAST(CHR(  10) AS VARCHAR),
          CAST(COALESCE(flow_direction, '-') AS VARCHAR),
          CAST(CHR(  10) AS VARCHAR),
          CAST(COALESCE(reject_reason, '-') AS VARCHAR),
          CAST(CHR(  10) AS VARCHAR),
          CAST(COALESCE(interface_id, '-') AS VARCHAR)
        )
      END
      ELSE CASE
        WHEN COALESCE(
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
        THEN CASE
          WHEN action = 'REJECT'
          THEN CONCAT(
            CAST('REJECT' AS VARCHAR),
            CAST(CHR(  10) AS VARCHAR),
            CAST(COALESCE(flow_direction, '-') AS VARCHAR),
            CAST(CHR(  10) AS VARCHAR),
            CAST(COALESCE(reject_reason, '-') AS VARCHAR),
            CAST(CHR(  10) AS VARCHAR),
            CAST(COALESCE(interface_id, '-') AS VARCHAR)
          )
        END
        WHEN log_status = 'NODATA'
        THEN 'no data'
        WHEN log_status = 'SKIPDATA'
        THEN 'skip data'
        ELSE 'malformed'
      END
    END AS exception,
    tcp_flags,
    "start",
    "end"
  FROM checked
), counted AS (
  SELECT
    sender,
    receiver,
    protocol,
    called_port,
    is_reply,
    exception,
    COUNT(*) AS lines,
    MIN("start") AS first_start,
    MAX("end") AS last_end,
    MIN(tcp_flags) AS least_flags,
    MAX(tcp_flags) AS most_flags,
    COUNT(tcp_flags) AS with_flags
  FROM keyed
  GROUP BY
    sender,
    receiver,
    protocol,
    called_port,
    is_reply,
    exception
), told AS (
  SELECT
    *,
    (
      exception IS NULL OR exception LIKE 'REJECT%'
    ) AS is_traffic,
    (
      exception IS NULL OR exception LIKE 'REJECT%'
    )
    AND protocol IN (6, 17, 132)
    AND is_reply AS is_answer,
    COALESCE(NULLIF(SPLIT_PART(exception, CHR(  10), 1), '-'), 'ACCEPT') AS outcome,
    NULLIF(SPLIT_PART(exception, CHR(  10), 2), '-') AS seen,
    NULLIF(SPLIT_PART(exception, CHR(  10), 3), '-') AS reason,
    NULLIF(SPLIT_PART(exception, CHR(  10), 4), '-') AS interface
  FROM counted
), turned AS (
  SELECT
    outcome,
    reason,
    interface,
    is_answer,
    lines,
    first_start,
    last_end,
    CASE WHEN is_answer THEN receiver WHEN is_traffic THEN sender END AS source,
    CASE WHEN is_answer THEN sender WHEN is_traffic THEN receiver END AS destination,
    CASE WHEN is_traffic THEN protocol END AS number,
    CASE
      WHEN is_traffic
      THEN CASE WHEN protocol IN (6, 17, 132) THEN called_port ELSE 0 END
    END AS port,
    CASE
      WHEN NOT is_answer
      THEN seen
      WHEN seen = 'ingress'
      THEN 'egress'
      WHEN seen = 'egress'
      THEN 'ingress'
    END AS direction,
    least_flags <> 2 OR most_flags <> 2 AS goes_on,
    COALESCE(least_flags = 2 AND most_flags = 2 AND with_flags = lines, FALSE) AS opens
  FROM told
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
    CAST(SUM(lines) AS BIGINT) AS lines,
    MIN(first_start) AS first_start,
    MAX(last_end) AS last_end,
    BOOL_OR(is_answer OR (
      number = 6 AND goes_on
    )) AS shows_answer,
    BOOL_AND(opens) AS only_opens
  FROM turned
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
