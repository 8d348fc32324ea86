-- One copy out of the lake: the touched periods, or all of them. A text that is too long for its column stops the load.
INSERT INTO ${staged} (
    ${columns}
)
SELECT
    ${columns}
FROM ${lake_table}
WHERE ${scope};
