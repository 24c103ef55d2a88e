from datetime import datetime
from zoneinfo import ZoneInfo

print(datetime.fromtimestamp(0).astimezone().isoformat(), datetime(2024, 7, 1, tzinfo=ZoneInfo("Europe/Berlin")).isoformat())
