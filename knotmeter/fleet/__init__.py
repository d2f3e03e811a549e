"""A fleet of processes on this machine: its folder, its servers and members, and who watches over them."""
