"""Events that wait on disk, so that no kill of the application loses them.

`segment` is one file, `stream` a folder of them with an identity, `spool` what the application's threads
put events into, `adoption` finds what dead processes left, `place` says where all that lies.
"""
