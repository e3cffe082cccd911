"""The kernels and trees that the lab runs on: Debian's generations, layers over them, the virtual machine."""
