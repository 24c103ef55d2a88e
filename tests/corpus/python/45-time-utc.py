import time
from datetime import datetime, timezone

print(time.tzname, time.timezone, datetime.fromtimestamp(0), datetime.fromtimestamp(1_700_000_000, timezone.utc).isoformat())
