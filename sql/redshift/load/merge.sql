-- Staged rows replace those of the same grain, new ones are added. Grain columns are NOT NULL, or they would never match.
-- Redshift takes no alias for the target and wants both branches; it is fastest when UPDATE sets all columns to what INSERT
-- would (database developer guide, "MERGE").
MERGE INTO ${table}
USING ${staged}
ON ${same_row}
WHEN MATCHED THEN UPDATE SET
    ${assignments}
WHEN NOT MATCHED THEN INSERT (
    ${columns}
) VALUES (
    ${staged_columns}
);
