-- Runs once, when the server of docker-compose.yml makes its data folder: a role and databases for each program, so that
-- neither reads the other's. Also right for a server of your own: psql -v ON_ERROR_STOP=1 -f create-databases.sql
\getenv perdure_password PERDURE_DB_PASSWORD
\getenv temporal_password TEMPORAL_DB_PASSWORD

CREATE ROLE perdure LOGIN PASSWORD :'perdure_password';
CREATE DATABASE perdure OWNER perdure;
REVOKE ALL ON DATABASE perdure FROM PUBLIC;

CREATE ROLE temporal LOGIN PASSWORD :'temporal_password';
CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;
REVOKE ALL ON DATABASE temporal, temporal_visibility FROM PUBLIC;
