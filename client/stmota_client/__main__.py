"""`python -m stmota_client` is `stmota`."""

from stmota_client.main import main

main()
