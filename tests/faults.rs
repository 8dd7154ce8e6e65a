//! Full disks, damaged and missing files: the answer is durable or an error.
