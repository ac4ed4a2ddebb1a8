"""What entry points ask of arrays, in LLVM IR: words in capitals stand for where an array keeps what they name (see entry.py)."""

HELPERS = """
define internal i64 @size(ptr %o) {
start:
  %dims.at = getelementptr i8, ptr %o, i64 DIMS
  %dims = load ptr, ptr %dims.at
  %nd.at = getelementptr i8, ptr %o, i64 NDIM
  %nd.32 = load i32, ptr %nd.at
  %nd = sext i32 %nd.32 to i64
  br label %head
head:
  %i = phi i64 [0, %start], [%next, %loop]
  %n = phi i64 [1, %start], [%product, %loop]
  %more = icmp slt i64 %i, %nd
  br i1 %more, label %loop, label %end
loop:
  %at = getelementptr i64, ptr %dims, i64 %i
  %d = load i64, ptr %at
  %product = mul i64 %n, %d
  %next = add i64 %i, 1
  br label %head
end:
  ret i64 %n
}

define internal i1 @alike(ptr %a, ptr %b) {
start:
  %a.dims.at = getelementptr i8, ptr %a, i64 DIMS
  %a.dims = load ptr, ptr %a.dims.at
  %b.dims.at = getelementptr i8, ptr %b, i64 DIMS
  %b.dims = load ptr, ptr %b.dims.at
  %a.nd.at = getelementptr i8, ptr %a, i64 NDIM
  %a.nd = load i32, ptr %a.nd.at
  %b.nd.at = getelementptr i8, ptr %b, i64 NDIM
  %b.nd = load i32, ptr %b.nd.at
  %nd = sext i32 %a.nd to i64
  %same.nd = icmp eq i32 %a.nd, %b.nd
  br i1 %same.nd, label %head, label %no
head:
  %i = phi i64 [0, %start], [%next, %loop]
  %more = icmp slt i64 %i, %nd
  br i1 %more, label %loop, label %yes
loop:
  %a.at = getelementptr i64, ptr %a.dims, i64 %i
  %a.d = load i64, ptr %a.at
  %b.at = getelementptr i64, ptr %b.dims, i64 %i
  %b.d = load i64, ptr %b.at
  %next = add i64 %i, 1
  %same = icmp eq i64 %a.d, %b.d
  br i1 %same, label %head, label %no
yes:
  ret i1 true
no:
  ret i1 false
}

define internal i1 @in_rows(ptr %o, i64 %rows, i64 %n, i64 %item) {
  %nd.at = getelementptr i8, ptr %o, i64 NDIM
  %nd = load i32, ptr %nd.at
  %matrix = icmp eq i32 %nd, 2
  br i1 %matrix, label %look, label %no
look:
  %dims.at = getelementptr i8, ptr %o, i64 DIMS
  %dims = load ptr, ptr %dims.at
  %its.rows = load i64, ptr %dims
  %its.n.at = getelementptr i64, ptr %dims, i64 1
  %its.n = load i64, ptr %its.n.at
  %strides.at = getelementptr i8, ptr %o, i64 STRIDES
  %strides = load ptr, ptr %strides.at
  %step.at = getelementptr i64, ptr %strides, i64 1
  %step = load i64, ptr %step.at
  %same.rows = icmp eq i64 %its.rows, %rows
  %same.n = icmp eq i64 %its.n, %n
  %dense = icmp eq i64 %step, %item
  %both = and i1 %same.rows, %same.n
  %fine = and i1 %both, %dense
  ret i1 %fine
no:
  ret i1 false
}

define internal i1 @fits(ptr %o, ptr %type, ptr %descr, i32 %wanted) {
  %type.at = getelementptr i8, ptr %o, i64 TYPE
  %its.type = load ptr, ptr %type.at
  %is.array = icmp eq ptr %its.type, %type
  br i1 %is.array, label %look, label %no
look:
  %descr.at = getelementptr i8, ptr %o, i64 DESCR
  %its.descr = load ptr, ptr %descr.at
  %same = icmp eq ptr %its.descr, %descr
  %flags.at = getelementptr i8, ptr %o, i64 FLAGS
  %flags = load i32, ptr %flags.at
  %held = and i32 %flags, %wanted
  %dense = icmp eq i32 %held, %wanted
  %fine = and i1 %same, %dense
  ret i1 %fine
no:
  ret i1 false
}
"""
