-- Rows and money in the processed table: the figures that a run reconciles
SELECT
    count(*) AS orders,
    sum(total_revenue) AS revenue,
    sum(total_cost) AS cost,
    sum(total_profit) AS profit
FROM {processed}.sales_records
