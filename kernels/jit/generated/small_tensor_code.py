"""The text of small_calls.py in LLVM IR; what stands behind a $ is filled in there: the places of words in the table, and those
of fields in the objects of Python and NumPy."""

CODE = """
define internal ptr @word(ptr %self, i64 %k) alwaysinline {
  %base = getelementptr i8, ptr %self, i64 $BYTES
  %at = getelementptr ptr, ptr %base, i64 %k
  %w = load ptr, ptr %at
  ret ptr %w
}

define internal ptr @slot(ptr %self, ptr %o, i64 %k) alwaysinline {
  %w = call ptr @word(ptr %self, i64 %k)
  %offset = ptrtoint ptr %w to i64
  %at = getelementptr i8, ptr %o, i64 %offset
  ret ptr %at
}

; The array of a tensor, also of a class derived from that of tensors, that needs no gradient, or null.
define internal ptr @any_array_of(ptr %self, ptr %o) {
start:
  %type.at = getelementptr i8, ptr %o, i64 $TYPE
  %type = load ptr, ptr %type.at
  %tensor = call ptr @word(ptr %self, i64 $tensor)
  br label %head
head:
  %class = phi ptr [%type, %start], [%parent, %derived]
  %is.tensor = icmp eq ptr %class, %tensor
  br i1 %is.tensor, label %look, label %derived
derived:
  %parent.at = getelementptr i8, ptr %class, i64 $PARENT
  %parent = load ptr, ptr %parent.at
  %more = icmp ne ptr %parent, null
  br i1 %more, label %head, label %no
look:
  %needs.at = call ptr @slot(ptr %self, ptr %o, i64 $needs_grad)
  %needs = load ptr, ptr %needs.at
  %false = call ptr @word(ptr %self, i64 $false)
  %free = icmp eq ptr %needs, %false
  br i1 %free, label %held, label %no
held:
  %array.at = call ptr @slot(ptr %self, ptr %o, i64 $array)
  %array = load ptr, ptr %array.at
  %there = icmp ne ptr %array, null
  br i1 %there, label %kind, label %no
kind:
  %its.type.at = getelementptr i8, ptr %array, i64 $TYPE
  %its.type = load ptr, ptr %its.type.at
  %ndarray = call ptr @word(ptr %self, i64 $ndarray)
  %is.array = icmp eq ptr %its.type, %ndarray
  br i1 %is.array, label %yes, label %no
yes:
  ret ptr %array
no:
  ret ptr null
}

; The same if it is dense.
define internal ptr @array_of(ptr %self, ptr %o) {
start:
  %array = call ptr @any_array_of(ptr %self, ptr %o)
  %found = icmp ne ptr %array, null
  br i1 %found, label %layout, label %no
layout:
  %flags.at = getelementptr i8, ptr %array, i64 $FLAGS
  %flags = load i32, ptr %flags.at
  %kept = and i32 %flags, $DENSE
  %dense = icmp eq i32 %kept, $DENSE
  br i1 %dense, label %yes, label %no
yes:
  ret ptr %array
no:
  ret ptr null
}

; 0 and 7 for float32 and float64, whose words in the table lie so far from the first; -1 for others, and for too many elements.
define internal i64 @kind_of(ptr %self, ptr %array, i64 %n) {
  %descr.at = getelementptr i8, ptr %array, i64 $DESCR
  %descr = load ptr, ptr %descr.at
  %single = call ptr @word(ptr %self, i64 $descr4)
  %double = call ptr @word(ptr %self, i64 $descr8)
  %is.single = icmp eq ptr %descr, %single
  %is.double = icmp eq ptr %descr, %double
  %either = or i1 %is.single, %is.double
  %kind = select i1 %is.single, i64 0, i64 7
  %most.at = add i64 %kind, $most4
  %most.word = call ptr @word(ptr %self, i64 %most.at)
  %most = ptrtoint ptr %most.word to i64
  %few = icmp ule i64 %n, %most
  %fine = and i1 %either, %few
  %found = select i1 %fine, i64 %kind, i64 -1
  ret i64 %found
}

; An array of the same shape for the result, or null with an error set.
define internal ptr @result_like(ptr %self, ptr %array, i64 %kind) {
  %descr.at = add i64 %kind, $result4
  %descr = call ptr @word(ptr %self, i64 %descr.at)
  %incref = call ptr @word(ptr %self, i64 $incref)
  call void %incref(ptr %descr)
  %nd.at = getelementptr i8, ptr %array, i64 $NDIM
  %nd = load i32, ptr %nd.at
  %dims.at = getelementptr i8, ptr %array, i64 $DIMS
  %dims = load ptr, ptr %dims.at
  %new = call ptr @word(ptr %self, i64 $new_array)
  %ndarray = call ptr @word(ptr %self, i64 $ndarray)
  %y = call ptr %new(ptr %ndarray, ptr %descr, i32 %nd, ptr %dims, ptr null, ptr null, i32 0, ptr null)
  ret ptr %y
}

; A leaf around an array, whose reference it takes; null with an error set.
define internal ptr @tensor_of(ptr %self, ptr %array) {
start:
  %incref = call ptr @word(ptr %self, i64 $incref)
  %decref = call ptr @word(ptr %self, i64 $decref)
  %alloc = call ptr @word(ptr %self, i64 $alloc)
  %class = call ptr @word(ptr %self, i64 $result)
  %t = call ptr %alloc(ptr %class, i64 0)
  %made = icmp ne ptr %t, null
  br i1 %made, label %filled, label %fail
filled:
  %array.at = call ptr @slot(ptr %self, ptr %t, i64 $array)
  store ptr %array, ptr %array.at
  %none = call ptr @word(ptr %self, i64 $none)
  call void %incref(ptr %none)
  %node.at = call ptr @slot(ptr %self, ptr %t, i64 $node)
  store ptr %none, ptr %node.at
  %false = call ptr @word(ptr %self, i64 $false)
  call void %incref(ptr %false)
  %needs.at = call ptr @slot(ptr %self, ptr %t, i64 $needs_grad)
  store ptr %false, ptr %needs.at
  %list = call ptr @word(ptr %self, i64 $list)
  %version = call ptr %list(i64 1)
  %counted = icmp ne ptr %version, null
  br i1 %counted, label %versioned, label %drop
versioned:
  %zero = call ptr @word(ptr %self, i64 $zero)
  call void %incref(ptr %zero)
  %set = call ptr @word(ptr %self, i64 $set_item)
  %done = call i32 %set(ptr %version, i64 0, ptr %zero)
  %version.at = call ptr @slot(ptr %self, ptr %t, i64 $version)
  store ptr %version, ptr %version.at
  ret ptr %t
drop:
  call void %decref(ptr %t)
  ret ptr null
fail:
  call void %decref(ptr %array)
  ret ptr null
}

define ptr @${NAME}_leaf(ptr %self, ptr %array) {
  %incref = call ptr @word(ptr %self, i64 $incref)
  call void %incref(ptr %array)
  %t = call ptr @tensor_of(ptr %self, ptr %array)
  ret ptr %t
}

define internal ptr @nothing(ptr %self) {
  %none = call ptr @word(ptr %self, i64 $none)
  %incref = call ptr @word(ptr %self, i64 $incref)
  call void %incref(ptr %none)
  ret ptr %none
}

; The array of a tensor that needs no gradient, in any layout and of a dtype of NumPy's own; None of anything else.
define ptr @${NAME}_held(ptr %self, ptr %o) {
start:
  %array = call ptr @any_array_of(ptr %self, ptr %o)
  %found = icmp ne ptr %array, null
  br i1 %found, label %kind, label %no
kind:
  %descr.at = getelementptr i8, ptr %array, i64 $DESCR
  %descr = load ptr, ptr %descr.at
  %kind.at = getelementptr i8, ptr %descr, i64 $KIND
  %letter = load i8, ptr %kind.at
  %usual = icmp ne i8 %letter, 86
  br i1 %usual, label %yes, label %no
yes:
  %incref = call ptr @word(ptr %self, i64 $incref)
  call void %incref(ptr %array)
  ret ptr %array
no:
  %none = call ptr @nothing(ptr %self)
  ret ptr %none
}

; A tensor around an array, beside the tensor whose op made it: where they show the same memory, they count writes together.
define ptr @${NAME}_view(ptr %self, ptr %given, i64 %count) {
start:
  %y.at = getelementptr ptr, ptr %given, i64 1
  %x = load ptr, ptr %given
  %y = load ptr, ptr %y.at
  %incref = call ptr @word(ptr %self, i64 $incref)
  call void %incref(ptr %y)
  %t = call ptr @tensor_of(ptr %self, ptr %y)
  %made = icmp ne ptr %t, null
  br i1 %made, label %look, label %fail
look:
  %array.at = call ptr @slot(ptr %self, ptr %x, i64 $array)
  %a = load ptr, ptr %array.at
  %itself = icmp eq ptr %y, %a
  br i1 %itself, label %shared, label %based
based:
  %base.at = getelementptr i8, ptr %y, i64 $BASE
  %base = load ptr, ptr %base.at
  %its.base.at = getelementptr i8, ptr %a, i64 $BASE
  %its.base = load ptr, ptr %its.base.at
  %of.it = icmp eq ptr %base, %a
  %beside = icmp eq ptr %base, %its.base
  %some = icmp ne ptr %base, null
  %both = and i1 %some, %beside
  %same = or i1 %of.it, %both
  br i1 %same, label %shared, label %done
shared:
  %version.at = call ptr @slot(ptr %self, ptr %x, i64 $version)
  %version = load ptr, ptr %version.at
  call void %incref(ptr %version)
  %own.at = call ptr @slot(ptr %self, ptr %t, i64 $version)
  %own = load ptr, ptr %own.at
  store ptr %version, ptr %own.at
  %decref = call ptr @word(ptr %self, i64 $decref)
  call void %decref(ptr %own)
  %set = call ptr @word(ptr %self, i64 $set_attr)
  %name = call ptr @word(ptr %self, i64 $view)
  %true = call ptr @word(ptr %self, i64 $true)
  %failed = call i32 %set(ptr %t, ptr %name, ptr %true)
  br label %done
done:
  ret ptr %t
fail:
  ret ptr null
}

; A tensor that shows another one's elements in a shape to which it broadcasts; None where that is not a tuple of such sizes.
define ptr @${NAME}_broadcast(ptr %self, ptr %given, i64 %count) {
start:
  %sizes = alloca i64, i64 32
  %steps = alloca i64, i64 32
  %both = alloca ptr, i64 2
  %overflow = alloca i32
  %x = load ptr, ptr %given
  %shape.at = getelementptr ptr, ptr %given, i64 1
  %shape = load ptr, ptr %shape.at
  %array = call ptr @any_array_of(ptr %self, ptr %x)
  %found = icmp ne ptr %array, null
  br i1 %found, label %kind, label %no
kind:
  %descr.at = getelementptr i8, ptr %array, i64 $DESCR
  %descr = load ptr, ptr %descr.at
  %kind.at = getelementptr i8, ptr %descr, i64 $KIND
  %letter = load i8, ptr %kind.at
  %usual = icmp ne i8 %letter, 86
  %type.at = getelementptr i8, ptr %shape, i64 $TYPE
  %type = load ptr, ptr %type.at
  %tuple = call ptr @word(ptr %self, i64 $tuple)
  %is.tuple = icmp eq ptr %type, %tuple
  %known = and i1 %usual, %is.tuple
  br i1 %known, label %ranks, label %no
ranks:
  %n.at = getelementptr i8, ptr %shape, i64 $LENGTH
  %n = load i64, ptr %n.at
  %items = getelementptr i8, ptr %shape, i64 $ITEMS
  %nd.at = getelementptr i8, ptr %array, i64 $NDIM
  %nd.32 = load i32, ptr %nd.at
  %nd = sext i32 %nd.32 to i64
  %own.at = getelementptr i8, ptr %array, i64 $DIMS
  %own = load ptr, ptr %own.at
  %strides.at = getelementptr i8, ptr %array, i64 $STRIDES
  %strides = load ptr, ptr %strides.at
  %ahead = sub i64 %n, %nd
  %enough = icmp sge i64 %ahead, 0
  %few = icmp sle i64 %n, 32
  %fine = and i1 %enough, %few
  %int = call ptr @word(ptr %self, i64 $int)
  %as.long = call ptr @word(ptr %self, i64 $as_long)
  br i1 %fine, label %head, label %no
head:
  %i = phi i64 [0, %ranks], [%next, %placed]
  %more = icmp slt i64 %i, %n
  br i1 %more, label %item, label %make
item:
  %item.at = getelementptr ptr, ptr %items, i64 %i
  %o = load ptr, ptr %item.at
  %o.type.at = getelementptr i8, ptr %o, i64 $TYPE
  %o.type = load ptr, ptr %o.type.at
  %is.int = icmp eq ptr %o.type, %int
  br i1 %is.int, label %number, label %no
number:
  %size = call i64 %as.long(ptr %o, ptr %overflow)
  %some = icmp sgt i64 %size, 0
  %sensible = icmp sle i64 %size, 4294967296
  %both.fine = and i1 %some, %sensible
  br i1 %both.fine, label %place, label %no
place:
  %size.at = getelementptr i64, ptr %sizes, i64 %i
  store i64 %size, ptr %size.at
  %j = sub i64 %i, %ahead
  %new = icmp slt i64 %j, 0
  br i1 %new, label %repeated, label %old
old:
  %had.at = getelementptr i64, ptr %own, i64 %j
  %had = load i64, ptr %had.at
  %same = icmp eq i64 %had, %size
  br i1 %same, label %stepped, label %single
stepped:
  %stride.at = getelementptr i64, ptr %strides, i64 %j
  %stride = load i64, ptr %stride.at
  br label %placed
single:
  %one = icmp eq i64 %had, 1
  br i1 %one, label %repeated, label %no
repeated:
  br label %placed
placed:
  %step = phi i64 [%stride, %stepped], [0, %repeated]
  %step.at = getelementptr i64, ptr %steps, i64 %i
  store i64 %step, ptr %step.at
  %next = add i64 %i, 1
  br label %head
make:
  %incref = call ptr @word(ptr %self, i64 $incref)
  %decref = call ptr @word(ptr %self, i64 $decref)
  call void %incref(ptr %descr)
  %ndarray = call ptr @word(ptr %self, i64 $ndarray)
  %data.at = getelementptr i8, ptr %array, i64 $DATA
  %data = load ptr, ptr %data.at
  %n.32 = trunc i64 %n to i32
  %make.array = call ptr @word(ptr %self, i64 $new_array)
  %y = call ptr %make.array(ptr %ndarray, ptr %descr, i32 %n.32, ptr %sizes, ptr %steps, ptr %data, i32 0, ptr null)
  %made = icmp ne ptr %y, null
  br i1 %made, label %base, label %fail
base:
  call void %incref(ptr %array)
  %set.base = call ptr @word(ptr %self, i64 $set_base)
  %refused = call i32 %set.base(ptr %y, ptr %array)
  %is.refused = icmp ne i32 %refused, 0
  br i1 %is.refused, label %drop, label %wrap
wrap:
  store ptr %x, ptr %both
  %y.at = getelementptr ptr, ptr %both, i64 1
  store ptr %y, ptr %y.at
  %t = call ptr @${NAME}_view(ptr %self, ptr %both, i64 2)
  call void %decref(ptr %y)
  ret ptr %t
drop:
  call void %decref(ptr %y)
  ret ptr null
fail:
  ret ptr null
no:
  %none = call ptr @nothing(ptr %self)
  ret ptr %none
}
"""
