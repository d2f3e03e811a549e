"""marketdata: what is trading, at what price, right now?"""
