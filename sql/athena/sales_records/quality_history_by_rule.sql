-- Every rule over all runs: how often it held, how many rows broke it, and how it ended last
SELECT
    rule_id,
    scope,
    max_by(action, checked_at) AS action,
    count(*) AS runs,
    count_if(status = 'failed') AS runs_failed,
    count_if(status = 'unproven') AS runs_unproven,
    sum(rows_checked) AS rows_checked,
    sum(rows_failed) AS rows_failed,
    max_by(status, checked_at) AS last_status,
    max_by(measured, checked_at) AS last_measured,
    max(checked_at) AS last_checked_at
FROM {processed}.sales_records_quality
GROUP BY rule_id, scope
ORDER BY runs_failed DESC, rows_failed DESC, rule_id
