"""Says once an hour how old each dataset is, as a metric on which alarms stand."""
