package flows

import "syscall"

func huge(b []byte) { _ = syscall.Madvise(b, syscall.MADV_HUGEPAGE) } // a wish only
