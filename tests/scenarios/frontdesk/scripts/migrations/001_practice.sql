CREATE TABLE patients (phone TEXT PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE visits (phone TEXT NOT NULL, day TEXT NOT NULL, status TEXT NOT NULL DEFAULT 'planned');
CREATE TABLE attempts (run_key TEXT NOT NULL);
CREATE TABLE letters (phone TEXT NOT NULL);
CREATE TABLE calls_seen (phone TEXT NOT NULL, outcome TEXT NOT NULL);
