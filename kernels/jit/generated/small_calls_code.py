"""The calls of small_calls.py in LLVM IR, which follow the text of small_tensor_code.py."""

CODE = """
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

; A generated kernel, a function of Python in the place of the loop, called for arrays of `least` elements and more; each thread
; has `grain` of them.
define ptr @${NAME}_wide(ptr %self, ptr %given, i64 %count) {
start:
  %objects = alloca ptr, i64 4
  %one = icmp eq i64 %count, 1
  %two = icmp eq i64 %count, 2
  %fits = or i1 %one, %two
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
  br i1 %ours, label %large, label %no
large:
  %least.at = add i64 %kind, $least4
  %least.word = call ptr @word(ptr %self, i64 %least.at)
  %least = ptrtoint ptr %least.word to i64
  %enough = icmp uge i64 %n, %least
  store ptr %array, ptr %objects
  br i1 %enough, label %others, label %no
others:
  br i1 %one, label %make, label %other
other:
  %b.at = getelementptr ptr, ptr %given, i64 1
  %b = load ptr, ptr %b.at
  %xb = call ptr @array_of(ptr %self, ptr %b)
  %b.is = icmp ne ptr %xb, null
  br i1 %b.is, label %pair, label %no
pair:
  %second = getelementptr ptr, ptr %objects, i64 1
  store ptr %xb, ptr %second
  %same = call i1 @alike(ptr %array, ptr %xb)
  br i1 %same, label %make, label %no
make:
  %y = call ptr @result_like(ptr %self, ptr %array, i64 %kind)
  %made = icmp ne ptr %y, null
  br i1 %made, label %counted, label %fail
counted:
  %y.at = getelementptr ptr, ptr %objects, i64 %count
  store ptr %y, ptr %y.at
  %grain.at = add i64 %kind, $data4
  %grain.word = call ptr @word(ptr %self, i64 %grain.at)
  %grain = ptrtoint ptr %grain.word to i64
  %shares = udiv i64 %n, %grain
  %alone = icmp ult i64 %shares, 2
  br i1 %alone, label %ready, label %ask
ask:
  %threads = call ptr @word(ptr %self, i64 $threads)
  %all.32 = call i32 %threads()
  %all = sext i32 %all.32 to i64
  %fewer = icmp slt i64 %all, %shares
  %used = select i1 %fewer, i64 %all, i64 %shares
  br label %ready
ready:
  %parts = phi i64 [1, %counted], [%used, %ask]
  %from.long = call ptr @word(ptr %self, i64 $from_long)
  %number = call ptr %from.long(i64 %parts)
  %numbered = icmp ne ptr %number, null
  br i1 %numbered, label %run, label %drop
run:
  %behind = add i64 %count, 1
  %number.at = getelementptr ptr, ptr %objects, i64 %behind
  store ptr %number, ptr %number.at
  %arguments = add i64 %count, 2
  %loop.at = add i64 %kind, $loop4
  %kernel = call ptr @word(ptr %self, i64 %loop.at)
  %vectorcall = call ptr @word(ptr %self, i64 $vectorcall)
  %answer = call ptr %vectorcall(ptr %kernel, ptr %objects, i64 %arguments, ptr null)
  %decref = call ptr @word(ptr %self, i64 $decref)
  call void %decref(ptr %number)
  %answered = icmp ne ptr %answer, null
  br i1 %answered, label %told, label %drop
told:
  %true = call ptr @word(ptr %self, i64 $true)
  %done = icmp eq ptr %answer, %true
  call void %decref(ptr %answer)
  br i1 %done, label %wrap, label %refused
wrap:
  %t = call ptr @tensor_of(ptr %self, ptr %y)
  ret ptr %t
refused:
  %decref.y = call ptr @word(ptr %self, i64 $decref)
  call void %decref.y(ptr %y)
  br label %no
drop:
  %decref.too = call ptr @word(ptr %self, i64 $decref)
  call void %decref.too(ptr %y)
  br label %fail
no:
  %none = call ptr @nothing(ptr %self)
  ret ptr %none
fail:
  ret ptr null
}
"""
