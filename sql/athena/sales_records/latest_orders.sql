-- A preview: the newest hundred orders, and the file each came from
SELECT
    order_id,
    order_date,
    region,
    country,
    item_type,
    units_sold,
    total_revenue,
    total_profit,
    _source_file,
    _source_row
FROM {processed}.sales_records
ORDER BY order_date DESC, order_id
LIMIT 100
