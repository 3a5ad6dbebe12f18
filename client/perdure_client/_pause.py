"""Waiting, in both forms: the generator of the blocking client turns one name into the other."""

import asyncio
import time

async_sleep = asyncio.sleep
sleep = time.sleep
