"""The web's database engine: PostgreSQL through a pool of connections."""

# psycopg's pool tries a failed connection again after one second, two, four ... for as long as its
# `reconnect_timeout`, and makes no other meanwhile. Cut short, each request brings a new try.
TRY_SECONDS = 0.5
