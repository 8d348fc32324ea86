-- Why rows are in quarantine, by rule and file
SELECT rule_id, source_file, rows_quarantined, first_received_at, last_received_at
FROM {processed}.sales_records_quarantine_by_rule
ORDER BY rows_quarantined DESC, rule_id
