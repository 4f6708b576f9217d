-- SPDX-License-Identifier: Apache-2.0
CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c REAL);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
INSERT INTO t SELECT i, hex(i * 7919 % 10007), i / 3.0 FROM n;
CREATE INDEX tb ON t(b);
DELETE FROM t WHERE a % 7 = 3;
SELECT count(*), sum(c), max(b), min(length(b)), avg(c) FROM t;
SELECT substr(b, 1, 2) AS p, count(*), total(c) FROM t GROUP BY p ORDER BY 2 DESC, 1 LIMIT 5;
SELECT x.a, y.a FROM t x JOIN t y ON y.b = x.b AND y.a > x.a ORDER BY 1, 2 LIMIT 5;
PRAGMA integrity_check;
