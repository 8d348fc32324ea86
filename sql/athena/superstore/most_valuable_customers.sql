-- The hundred customers with the highest lifetime value; they are tokens here, as everywhere but in the raw files
SELECT customer_id, rfm_segment, as_of_date, recency_days, orders, sales, lifetime_value
FROM {curated}.superstore_customer_value
ORDER BY lifetime_value DESC, customer_id
LIMIT 100
