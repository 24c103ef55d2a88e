import asyncio


async def work(n):
    await asyncio.sleep(0.01 * (3 - n))
    return n


async def main():
    print(await asyncio.gather(*map(work, range(3))))
    p = await asyncio.create_subprocess_exec("cat", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    print(await p.communicate(b"through cat"), p.returncode)
    try:
        await asyncio.wait_for(asyncio.sleep(5), 0.01)
    except asyncio.TimeoutError:
        print("timeout")


asyncio.run(main())
