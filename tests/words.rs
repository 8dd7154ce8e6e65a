//! What an administrator types, as the shell really passes it.
