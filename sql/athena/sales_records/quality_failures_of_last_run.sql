-- What did not hold in the last run that was checked, also if the run was refused because of it
SELECT
    run_id,
    rule_id,
    scope,
    action,
    status,
    rows_checked,
    rows_failed,
    measured,
    expected,
    contract_version,
    checked_at
FROM {processed}.sales_records_quality
WHERE
    run_id = (SELECT max(run_id) FROM {processed}.sales_records_quality)
    AND status <> 'passed'
ORDER BY CASE action WHEN 'halt' THEN 1 WHEN 'quarantine' THEN 2 ELSE 3 END, rows_failed DESC, rule_id
