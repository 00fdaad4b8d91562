"""Events that wait on disk, so that no kill of the application loses them.

`segment` is one file, `stream` a folder of them with an identity. `writing` is what the application's threads
put events into, `spool` what the sender takes them from; `adoption` finds what dead processes have left, and
`place` says where all that lies.
"""
