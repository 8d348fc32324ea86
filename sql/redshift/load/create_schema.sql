-- A schema of ours, made once: curated (tables for people) or operations (what loads did).
CREATE SCHEMA IF NOT EXISTS ${schema};
