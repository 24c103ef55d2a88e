import unicodedata

text = "ünï→😀 e\u0301 \u200fשלום"
print(text, len(text), unicodedata.normalize("NFC", text).encode(), text[::-1], text.title())
grüße = "identifiers too"
print(grüße)
