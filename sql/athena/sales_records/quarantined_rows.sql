-- The newest hundred rows in quarantine that no correction has resolved, with their reasons and the text as it came
SELECT
    _received_at,
    _source_file,
    _source_row,
    array_join(rule_ids, ', ') AS rules,
    array_join(reasons, '; ') AS reasons,
    raw_text
FROM {processed}.sales_records_quarantine
WHERE resolved_by IS NULL
ORDER BY _received_at DESC, _source_file, _source_row
LIMIT 100
