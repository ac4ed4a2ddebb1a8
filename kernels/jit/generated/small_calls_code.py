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

; The dense array of a tensor that needs no gradient, or null.
define internal ptr @array_of(ptr %self, ptr %o) {
start:
  %type.at = getelementptr i8, ptr %o, i64 $TYPE
  %type = load ptr, ptr %type.at
  %tensor = call ptr @word(ptr %self, i64 $tensor)
  %is.tensor = icmp eq ptr %type, %tensor
  br i1 %is.tensor, label %look, label %no
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
  br i1 %is.array, label %layout, label %no
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

; 0 and 6 for float32 and float64, whose words in the table lie so far from the first; -1 for others, and for too many elements.
define internal i64 @kind_of(ptr %self, ptr %array, i64 %n) {
  %descr.at = getelementptr i8, ptr %array, i64 $DESCR
  %descr = load ptr, ptr %descr.at
  %single = call ptr @word(ptr %self, i64 $descr4)
  %double = call ptr @word(ptr %self, i64 $descr8)
  %is.single = icmp eq ptr %descr, %single
  %is.double = icmp eq ptr %descr, %double
  %either = or i1 %is.single, %is.double
  %kind = select i1 %is.single, i64 0, i64 6
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
  %class = call ptr @word(ptr %self, i64 $tensor)
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

; The end of both calls: NumPy's loop over n elements, then the tensor.
define internal ptr @looped(ptr %self, ptr %like, i64 %kind, ptr %args, ptr %steps, i64 %count, i64 %n) {
start:
  %n.at = alloca i64
  %y = call ptr @result_like(ptr %self, ptr %like, i64 %kind)
  %made = icmp ne ptr %y, null
  br i1 %made, label %run, label %fail
run:
  store i64 %n, ptr %n.at
  %out.at = getelementptr i8, ptr %y, i64 $DATA
  %out = load ptr, ptr %out.at
  %last = getelementptr ptr, ptr %args, i64 %count
  store ptr %out, ptr %last
  %size.at = add i64 %kind, $itemsize4
  %size.word = call ptr @word(ptr %self, i64 %size.at)
  %size = ptrtoint ptr %size.word to i64
  %last.step = getelementptr i64, ptr %steps, i64 %count
  store i64 %size, ptr %last.step
  %loop.at = add i64 %kind, $loop4
  %loop = call ptr @word(ptr %self, i64 %loop.at)
  %data.at = add i64 %kind, $data4
  %data = call ptr @word(ptr %self, i64 %data.at)
  call void %loop(ptr %args, ptr %n.at, ptr %steps, ptr %data)
  %t = call ptr @tensor_of(ptr %self, ptr %y)
  ret ptr %t
fail:
  ret ptr null
}

define i64 @itemsize(i64 %kind) alwaysinline {
  %single = icmp eq i64 %kind, 0
  %size = select i1 %single, i64 4, i64 8
  ret i64 %size
}

define ptr @${NAME}_one(ptr %self, ptr %given, i64 %count) {
start:
  %args = alloca ptr, i64 2
  %steps = alloca i64, i64 2
  %fits = icmp eq i64 %count, 1
  br i1 %fits, label %look, label %no
look:
  %x = load ptr, ptr %given
  %array = call ptr @array_of(ptr %self, ptr %x)
  %found = icmp ne ptr %array, null
  br i1 %found, label %known, label %no
known:
  %n = call i64 @size(ptr %array)
  %kind = call i64 @kind_of(ptr %self, ptr %array, i64 %n)
  %ours = icmp sge i64 %kind, 0
  br i1 %ours, label %run, label %no
run:
  %data.at = getelementptr i8, ptr %array, i64 $DATA
  %data = load ptr, ptr %data.at
  store ptr %data, ptr %args
  %size = call i64 @itemsize(i64 %kind)
  store i64 %size, ptr %steps
  %t = call ptr @looped(ptr %self, ptr %array, i64 %kind, ptr %args, ptr %steps, i64 1, i64 %n)
  ret ptr %t
no:
  %none = call ptr @nothing(ptr %self)
  ret ptr %none
}

; Stores the value of a Python number as a float of this kind; false for other objects, and integers that might be rounded.
define internal i1 @number(ptr %self, ptr %o, i64 %kind, ptr %place) {
start:
  %overflow = alloca i32
  %allowed.word = call ptr @word(ptr %self, i64 $numbers)
  %allowed = icmp ne ptr %allowed.word, null
  br i1 %allowed, label %look, label %no
look:
  %type.at = getelementptr i8, ptr %o, i64 $TYPE
  %type = load ptr, ptr %type.at
  %float = call ptr @word(ptr %self, i64 $float)
  %is.float = icmp eq ptr %type, %float
  br i1 %is.float, label %real, label %whole
real:
  %value.at = getelementptr i8, ptr %o, i64 $FLOAT
  %value = load double, ptr %value.at
  br label %store
whole:
  %int = call ptr @word(ptr %self, i64 $int)
  %is.int = icmp eq ptr %type, %int
  br i1 %is.int, label %counted, label %no
counted:
  %as.long = call ptr @word(ptr %self, i64 $as_long)
  %i = call i64 %as.long(ptr %o, ptr %overflow)
  %beyond = load i32, ptr %overflow
  %within = icmp eq i32 %beyond, 0
  %low = icmp sge i64 %i, -$EXACT
  %high = icmp sle i64 %i, $EXACT
  %exact = and i1 %low, %high
  %fine = and i1 %exact, %within
  br i1 %fine, label %converted, label %no
converted:
  %from.int = sitofp i64 %i to double
  br label %store
store:
  %v = phi double [%value, %real], [%from.int, %converted]
  %is.single = icmp eq i64 %kind, 0
  br i1 %is.single, label %single, label %double
single:
  %s = fptrunc double %v to float
  store float %s, ptr %place
  ret i1 true
double:
  store double %v, ptr %place
  ret i1 true
no:
  ret i1 false
}

define internal ptr @data_of(ptr %array) {
  %at = getelementptr i8, ptr %array, i64 $DATA
  %data = load ptr, ptr %at
  ret ptr %data
}

define ptr @${NAME}_two(ptr %self, ptr %given, i64 %count) {
start:
  %args = alloca ptr, i64 3
  %steps = alloca i64, i64 3
  %place = alloca double
  %fits = icmp eq i64 %count, 2
  br i1 %fits, label %look, label %no
look:
  %a = load ptr, ptr %given
  %b.at = getelementptr ptr, ptr %given, i64 1
  %b = load ptr, ptr %b.at
  %xa = call ptr @array_of(ptr %self, ptr %a)
  %xb = call ptr @array_of(ptr %self, ptr %b)
  %a.is = icmp ne ptr %xa, null
  %b.is = icmp ne ptr %xb, null
  %lead = select i1 %a.is, ptr %xa, ptr %xb
  %any = icmp ne ptr %lead, null
  br i1 %any, label %known, label %no
known:
  %n = call i64 @size(ptr %lead)
  %kind = call i64 @kind_of(ptr %self, ptr %lead, i64 %n)
  %ours = icmp sge i64 %kind, 0
  br i1 %ours, label %other, label %no
other:
  %size = call i64 @itemsize(i64 %kind)
  %both = and i1 %a.is, %b.is
  br i1 %both, label %arrays, label %mixed
arrays:
  %m = call i64 @size(ptr %xb)
  %kind.b = call i64 @kind_of(ptr %self, ptr %xb, i64 %m)
  %same = icmp eq i64 %kind, %kind.b
  %shapes = call i1 @alike(ptr %xa, ptr %xb)
  %fine = and i1 %same, %shapes
  br i1 %fine, label %pair, label %no
pair:
  %a.data = call ptr @data_of(ptr %xa)
  %b.data = call ptr @data_of(ptr %xb)
  br label %run
mixed:
  %object = select i1 %a.is, ptr %b, ptr %a
  %is.number = call i1 @number(ptr %self, ptr %object, i64 %kind, ptr %place)
  br i1 %is.number, label %scalar, label %no
scalar:
  %lead.data = call ptr @data_of(ptr %lead)
  %left = select i1 %a.is, ptr %lead.data, ptr %place
  %right = select i1 %a.is, ptr %place, ptr %lead.data
  br label %run
run:
  %p = phi ptr [%a.data, %pair], [%left, %scalar]
  %q = phi ptr [%b.data, %pair], [%right, %scalar]
  store ptr %p, ptr %args
  %args.1 = getelementptr ptr, ptr %args, i64 1
  store ptr %q, ptr %args.1
  %p.step = select i1 %a.is, i64 %size, i64 0
  %q.step = select i1 %b.is, i64 %size, i64 0
  store i64 %p.step, ptr %steps
  %steps.1 = getelementptr i64, ptr %steps, i64 1
  store i64 %q.step, ptr %steps.1
  %t = call ptr @looped(ptr %self, ptr %lead, i64 %kind, ptr %args, ptr %steps, i64 2, i64 %n)
  ret ptr %t
no:
  %none = call ptr @nothing(ptr %self)
  ret ptr %none
}

; A generated formula as a loop like NumPy's: what is given beside is the place of its code for a range of elements.
define void @${NAME}_range(ptr %args, ptr %n.at, ptr %steps, ptr %range) {
  %n = load i64, ptr %n.at
  call void %range(ptr %args, i64 0, i64 %n)
  ret void
}

; One number of all elements, by the generated code that reduces one row in one part.
define ptr @${NAME}_total(ptr %self, ptr %x) {
start:
  %args = alloca ptr, i64 8
  %many = alloca double
  %array = call ptr @array_of(ptr %self, ptr %x)
  %found = icmp ne ptr %array, null
  br i1 %found, label %known, label %no
known:
  %n = call i64 @size(ptr %array)
  %kind = call i64 @kind_of(ptr %self, ptr %array, i64 %n)
  %ours = icmp sge i64 %kind, 0
  %some = icmp sgt i64 %n, 0
  %fine = and i1 %ours, %some
  br i1 %fine, label %make, label %no
make:
  %descr.at = add i64 %kind, $result4
  %descr = call ptr @word(ptr %self, i64 %descr.at)
  %incref = call ptr @word(ptr %self, i64 $incref)
  call void %incref(ptr %descr)
  %new = call ptr @word(ptr %self, i64 $new_array)
  %ndarray = call ptr @word(ptr %self, i64 $ndarray)
  %y = call ptr %new(ptr %ndarray, ptr %descr, i32 0, ptr null, ptr null, ptr null, i32 0, ptr null)
  %made = icmp ne ptr %y, null
  br i1 %made, label %run, label %fail
run:
  %data = call ptr @data_of(ptr %array)
  store ptr %data, ptr %args
  %n.float = sitofp i64 %n to double
  store double %n.float, ptr %many
  %number.at = getelementptr ptr, ptr %args, i64 1
  store ptr %many, ptr %number.at
  %numbers.word = call ptr @word(ptr %self, i64 $numbers)
  %numbers = ptrtoint ptr %numbers.word to i64
  %rest = getelementptr ptr, ptr %number.at, i64 %numbers
  %out = call ptr @data_of(ptr %y)
  store ptr %out, ptr %rest
  %length.at = getelementptr ptr, ptr %rest, i64 1
  store i64 %n, ptr %length.at
  %units.at = getelementptr ptr, ptr %rest, i64 2
  store i64 1, ptr %units.at
  %threads.at = getelementptr ptr, ptr %rest, i64 3
  store i64 1, ptr %threads.at
  %parts.at = getelementptr ptr, ptr %rest, i64 4
  store i64 1, ptr %parts.at
  %place.at = getelementptr ptr, ptr %rest, i64 5
  store ptr null, ptr %place.at
  %range.at = add i64 %kind, $data4
  %range = call ptr @word(ptr %self, i64 %range.at)
  call void %range(ptr %args, i64 0, i64 1)
  %t = call ptr @tensor_of(ptr %self, ptr %y)
  ret ptr %t
no:
  %none = call ptr @nothing(ptr %self)
  ret ptr %none
fail:
  ret ptr null
}
"""
