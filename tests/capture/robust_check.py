def check(tap): pass
