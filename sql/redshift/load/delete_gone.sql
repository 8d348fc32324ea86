-- Rows that the lake no longer has in these periods (a corrected order moved, a person was erased). MERGE would keep them.
DELETE FROM ${table}
WHERE ${scope}
    AND NOT EXISTS (
        SELECT 1
        FROM ${staged}
        WHERE ${same_row}
    );
