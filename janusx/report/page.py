def page(r): return ""
def fragment(r): return ""
