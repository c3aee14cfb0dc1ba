WITH lines AS (
  SELECT
    NULLIF(interface_id, '-') AS interface_id,
    NULLIF(flow_direction, '-') AS flow_direction,
    NULLIF(action, '-') AS action,
    NULLIF(reject_reason, '-') AS reject_reason,
    NULLIF(log_status, '-') AS log_status,
    "srcport",
    "dstport",
    "protocol",
    "tcp_flags",
    "start",
    "end",
    COALESCE(NULLIF(pkt_srcaddr, '-'), NULLIF(srcaddr, '-')) AS sender,
    COALESCE(NULLIF(pkt_dstaddr, '-'), NULLIF(dstaddr, '-')) AS receiver
  FROM recent
), turned AS (
  SELECT
    *,
    CASE log_status
      WHEN 'NODATA'
      THEN 'no data'
      WHEN 'SKIPDATA'
      THEN 'skip data'
      ELSE CASE
        WHEN NOT sender IS NULL
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
          flow_direction IS NULL OR flow_direction IN ('ingress', 'egress')
        )
        AND (
          log_status IS NULL OR log_status = 'OK'
        )
        THEN 'traffic'
        ELSE 'malformed'
      END
    END AS kind,
    CASE
      WHEN NOT protocol IN (6, 17, 132)
      THEN FALSE
      WHEN protocol = 6 AND BITWISE_AND(tcp_flags, 18) = 18
      THEN TRUE
      WHEN protocol = 6 AND BITWISE_AND(tcp_flags, 18) = 2
      THEN FALSE
      ELSE srcport > 0 AND srcport < dstport
    END AS is_reply,
    253402300800 AS moment
  FROM lines
), keyed AS (
  SELECT
    kind,
    is_reply,
    protocol,
    tcp_flags,
    "start",
    "end",
    CASE
      WHEN kind = 'traffic'
      THEN CASE WHEN is_reply THEN receiver ELSE sender END
    END AS source,
    CASE
      WHEN kind = 'traffic'
      THEN CASE WHEN is_reply THEN sender ELSE receiver END
    END AS destination,
    CASE WHEN kind = 'traffic' THEN protocol END AS number,
    CASE
      WHEN kind = 'traffic'
      THEN CASE
        WHEN NOT protocol IN (6, 17, 132)
        THEN 0
        WHEN is_reply
        THEN srcport
        ELSE dstport
      END
    END AS port,
    CASE WHEN kind = 'traffic' THEN action END AS action,
    CASE
      WHEN kind = 'traffic' AND action = 'REJECT'
      THEN CASE
        WHEN NOT is_reply
        THEN flow_direction
        WHEN flow_direction = 'ingress'
        THEN 'egress'
        WHEN flow_direction = 'egress'
        THEN 'ingress'
      END
    END AS direction,
    CASE WHEN kind = 'traffic' AND action = 'REJECT' THEN reject_reason END AS reason,
    CASE WHEN kind = 'traffic' AND action = 'REJECT' THEN interface_id END AS interface,
    CASE WHEN kind = 'traffic' THEN moment END AS moment,
    CASE WHEN kind = 'traffic' THEN CASE WHEN "end" >= moment THEN "start" END END AS crossing_start,
    CASE WHEN kind = 'traffic' THEN CASE WHEN "end" >= moment THEN "end" END END AS crossing_end
  FROM turned
), grouped AS (
  SELECT
    kind,
    source,
    destination,
    number,
    port,
    action,
    direction,
    reason,
    interface,
    moment,
    crossing_start,
    crossing_end,
    COUNT(*) AS lines,
    MIN("start") AS first_start,
    MAX("end") AS last_end,
    BOOL_OR(
      action = 'ACCEPT'
      AND (
        is_reply OR NOT protocol IN (6, 17, 132) OR (
          protocol = 6 AND tcp_flags <> 2
        )
      )
    ) AS shows_answer,
    BOOL_AND(COALESCE(protocol = 6 AND tcp_flags = 2, FALSE)) AS only_opens
  FROM keyed
  GROUP BY
    kind,
    source,
    destination,
    number,
    port,
    action,
    direction,
    reason,
    interface,
    moment,
    crossing_start,
    crossing_end
), compared AS (
  SELECT
    *,
    BOOL_OR(shows_answer) OVER (
      PARTITION BY kind, source, destination, number, port, moment
      ORDER BY action DESC, direction, interface, reason
      ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    ) AS answered,
    FIRST_VALUE(action) OVER (
      PARTITION BY kind, source, destination, number, port, moment
      ORDER BY action DESC, direction, interface, reason
      ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    ) AS first_action,
    FIRST_VALUE(direction) OVER (
      PARTITION BY kind, source, destination, number, port, moment
      ORDER BY action DESC, direction, interface, reason
      ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    ) AS first_direction,
    FIRST_VALUE(reason) OVER (
      PARTITION BY kind, source, destination, number, port, moment
      ORDER BY action DESC, direction, interface, reason
      ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    ) AS first_reason,
    FIRST_VALUE(interface) OVER (
      PARTITION BY kind, source, destination, number, port, moment
      ORDER BY action DESC, direction, interface, reason
      ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    ) AS first_interface
  FROM grouped
), judged AS (
  SELECT
    *,
    CASE
      WHEN kind <> 'traffic'
      THEN NULL
      WHEN action = 'REJECT'
      THEN 'stopped'
      WHEN answered OR NOT crossing_start IS NULL
      THEN 'passed'
      WHEN first_action = 'REJECT'
      THEN 'stopped'
      WHEN only_opens
      THEN 'unanswered'
      ELSE 'passed'
    END AS disposition
  FROM compared
)
SELECT
  kind,
  disposition,
  source,
  destination,
  number AS protocol,
  port,
  CASE
    WHEN action = 'REJECT'
    THEN direction
    WHEN disposition = 'stopped'
    THEN first_direction
  END AS direction,
  CASE
    WHEN action = 'REJECT'
    THEN reason
    WHEN disposition = 'stopped'
    THEN first_reason
  END AS reason,
  CASE
    WHEN action = 'REJECT'
    THEN interface
    WHEN disposition = 'stopped'
    THEN first_interface
  END AS interface,
  lines,
  first_start,
  last_end
FROM judged
