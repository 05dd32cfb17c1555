"""The shadow of the object graph: paths, copies, differences, write-back (DESIGN section 4)."""
