"""Jobs for the lab: bring a small machine up with a real renderer and read the kernel back.

Nothing here knows vnetc: a job is data, its files are already compiled. So the same package runs on
this machine's kernel and in the virtual machine, with any Python from 3.11 and nothing besides.
"""
