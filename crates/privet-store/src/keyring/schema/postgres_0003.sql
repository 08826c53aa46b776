-- When all that can be made anew under the secret had been: tokens of equal values and words of the archive among it. Only then,
-- and once what can not has ended, the secrets before it are destroyed. Null where an earlier Privet rotated.
ALTER TABLE index_rotations ADD COLUMN moved_at BIGINT;
