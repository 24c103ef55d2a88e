import base64, bz2, collections, csv, decimal, fractions, functools, gzip, heapq, io, itertools, json, lzma, math, pickle, re, sqlite3, statistics, struct, textwrap, uuid, zlib

print(json.dumps({"a": [1, None, True, "ü"]}, ensure_ascii=False), re.findall(r"(\w)(\d)", "a1 b2"), struct.pack(">IH", 1, 2), base64.b64encode(b"xyz"))
print(zlib.crc32(b"abc"), bz2.decompress(bz2.compress(b"b")), gzip.decompress(gzip.compress(b"g")), lzma.decompress(lzma.compress(b"l")))
print(decimal.Decimal("0.1") + decimal.Decimal("0.2"), fractions.Fraction(1, 3) + 1, statistics.median([3, 1, 2]), collections.Counter("hello").most_common(1))
db = sqlite3.connect(":memory:")
db.execute("create table t (n)")
db.executemany("insert into t values (?)", [(i,) for i in range(10)])
print(db.execute("select sum(n), count(*) from t").fetchall(), pickle.loads(pickle.dumps({1: (2, 3)})), uuid.uuid5(uuid.NAMESPACE_DNS, "example.org"))
out = io.StringIO()
csv.writer(out).writerow(["a,b", 'c"d', 1])
print(out.getvalue(), textwrap.fill("some words to wrap", 8), list(itertools.accumulate(range(5))), heapq.nsmallest(2, [5, 1, 4]), functools.reduce(math.gcd, [12, 18]))
