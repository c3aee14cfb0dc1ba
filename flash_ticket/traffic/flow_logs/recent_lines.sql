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
          CAST(COALESCE(
            NULLIF(
              CASE
                WHEN is_reply AND protocol IN (6, 17, 132)
                THEN CASE
                  WHEN flow_direction = 'ingress'
                  THEN 'egress'
                  WHEN flow_direction = 'egress'
                  THEN 'ingress'
                END
                ELSE flow_direction
              END,
              '-'
            ),
            '~'
          ) AS VARCHAR),
          CAST(CHR(  10) AS VARCHAR),
          CAST(COALESCE(NULLIF(interface_id, '-'), '~') AS VARCHAR),
          CAST(CHR(  10) AS VARCHAR),
          CAST(COALESCE(NULLIF(reject_reason, '-'), '~') AS VARCHAR)
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
            CAST(COALESCE(
              NULLIF(
                CASE
                  WHEN is_reply AND protocol IN (6, 17, 132)
                  THEN CASE
                    WHEN flow_direction = 'ingress'
                    THEN 'egress'
                    WHEN flow_direction = 'egress'
                    THEN 'ingress'
                  END
                  ELSE flow_direction
                END,
                '-'
              ),
              '~'
            ) AS VARCHAR),
            CAST(CHR(  10) AS VARCHAR),
            CAST(COALESCE(NULLIF(interface_id, '-'), '~') AS VARCHAR),
            CAST(CHR(  10) AS VARCHAR),
            CAST(COALESCE(NULLIF(reject_reason, '-'), '~') AS VARCHAR)
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
), traced AS (
  SELECT
    *,
    (
      exception IS NULL OR exception LIKE 'REJECT%'
    ) AS is_traffic,
    (
      exception IS NULL OR exception LIKE 'REJECT%'
    )
    AND protocol IN (6, 17, 132)
    AND is_reply AS is_answer
  FROM counted
), turned AS (
  SELECT
    exception,
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
    least_flags <> 2 OR most_flags <> 2 AS goes_on,
    COALESCE(least_flags = 2 AND most_flags = 2 AND with_flags = lines, FALSE) AS opens
  FROM traced
), grouped AS (
  SELECT
    source,
    destination,
    number,
    port,
    exception,
    CAST(SUM(lines) AS BIGINT) AS lines,
    MIN(first_start) AS first_start,
    MAX(last_end) AS last_end,
    BOOL_OR(is_answer OR (
      number = 6 AND goes_on
    )) AS shows_answer,
    BOOL_AND(opens) AS only_opens
  FROM turned
  GROUP BY
    source,
    destination,
    number,
    port,
    exception
), compared AS (
  SELECT
    *,
    BOOL_OR(exception IS NULL AND (
      shows_answer OR NOT number IN (6, 17, 132)
    )) OVER (PARTITION BY source, destination, number, port) AS answered,
    MIN(exception) OVER (PARTITION BY source, destination, number, port) AS first_refusal
  FROM grouped
), judged AS (
  SELECT
    *,
    CASE
      WHEN source IS NULL
      THEN NULL
      WHEN NOT exception IS NULL
      THEN 'stopped'
      WHEN answered
      THEN 'passed'
      WHEN NOT first_refusal IS NULL
      THEN 'stopped'
      WHEN number = 6 AND only_opens
      THEN 'unanswered'
      ELSE 'passed'
    END AS disposition
  FROM compared
), explained AS (
  SELECT
    *,
    CASE WHEN disposition = 'stopped' THEN COALESCE(exception, first_refusal) END AS refusal
  FROM judged
)
SELECT
  CASE WHEN source IS NULL THEN exception ELSE 'traffic' END AS kind,
  disposition,
  source,
  destination,
  number AS protocol,
  port,
  NULLIF(SPLIT_PART(refusal, CHR(  10), 2), '~') AS direction,
  NULLIF(SPLIT_PART(refusal, CHR(  10), 4), '~') AS reason,
  NULLIF(SPLIT_PART(refusal, CHR(  10), 3), '~') AS interface,
  lines,
  first_start,
  last_end
FROM explained
