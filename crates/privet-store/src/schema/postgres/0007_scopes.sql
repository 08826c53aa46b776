-- What an API key may be used for.
SELECT 1;
