"""Chains of NumPy's loops (small_chains.py) in LLVM IR, which follow the text of small_calls_code.py."""

PLACES, STEP = 48, 10
"""The most places of a program, and the words of a step."""

_SELECT = """
; A loop like NumPy's: the second argument where a byte of the first one is not 0, else the third.
define void @${NAME}_select{size}(ptr %args, ptr %n.at, ptr %steps, ptr %unused) {
start:
  %n = load i64, ptr %n.at
  %a.at = getelementptr ptr, ptr %args, i64 1
  %b.at = getelementptr ptr, ptr %args, i64 2
  %y.at = getelementptr ptr, ptr %args, i64 3
  %c = load ptr, ptr %args
  %a = load ptr, ptr %a.at
  %b = load ptr, ptr %b.at
  %y = load ptr, ptr %y.at
  %a.step.at = getelementptr i64, ptr %steps, i64 1
  %b.step.at = getelementptr i64, ptr %steps, i64 2
  %y.step.at = getelementptr i64, ptr %steps, i64 3
  %c.step = load i64, ptr %steps
  %a.step = load i64, ptr %a.step.at
  %b.step = load i64, ptr %b.step.at
  %y.step = load i64, ptr %y.step.at
  br label %head
head:
  %i = phi i64 [0, %start], [%next, %body]
  %more = icmp slt i64 %i, %n
  br i1 %more, label %body, label %end
body:
  %c.off = mul i64 %i, %c.step
  %a.off = mul i64 %i, %a.step
  %b.off = mul i64 %i, %b.step
  %y.off = mul i64 %i, %y.step
  %c.i = getelementptr i8, ptr %c, i64 %c.off
  %a.i = getelementptr i8, ptr %a, i64 %a.off
  %b.i = getelementptr i8, ptr %b, i64 %b.off
  %y.i = getelementptr i8, ptr %y, i64 %y.off
  %flag = load i8, ptr %c.i
  %yes = icmp ne i8 %flag, 0
  %va = load i{bits}, ptr %a.i
  %vb = load i{bits}, ptr %b.i
  %v = select i1 %yes, i{bits} %va, i{bits} %vb
  store i{bits} %v, ptr %y.i
  %next = add i64 %i, 1
  br label %head
end:
  ret void
}
"""

_CHAIN = """
; A program at the place of the loop: the numbers of places, of results between and of steps; the places, of which those of the
; arguments, of the result and of what lies between are filled in; and for each step a loop, what that is given, and for each of
; its arguments the number of a place and a stride.
define ptr @${NAME}_chain(ptr %self, ptr %given, i64 %count) {
start:
  %table = alloca ptr, i64 $PLACES
  %args = alloca ptr, i64 4
  %steps = alloca i64, i64 4
  %n.at = alloca i64
  %wanted.word = call ptr @word(ptr %self, i64 $numbers)
  %wanted = ptrtoint ptr %wanted.word to i64
  %fits = icmp eq i64 %count, %wanted
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
  br i1 %ours, label %others, label %no
others:
  %data = call ptr @data_of(ptr %array)
  %one = icmp eq i64 %count, 1
  br i1 %one, label %make, label %other
other:
  %b.at = getelementptr ptr, ptr %given, i64 1
  %b = load ptr, ptr %b.at
  %xb = call ptr @array_of(ptr %self, ptr %b)
  %b.is = icmp ne ptr %xb, null
  br i1 %b.is, label %pair, label %no
pair:
  %m = call i64 @size(ptr %xb)
  %kind.b = call i64 @kind_of(ptr %self, ptr %xb, i64 %m)
  %same = icmp eq i64 %kind, %kind.b
  %shapes = call i1 @alike(ptr %array, ptr %xb)
  %fine = and i1 %same, %shapes
  %b.data = call ptr @data_of(ptr %xb)
  br i1 %fine, label %make, label %no
make:
  %second = phi ptr [null, %others], [%b.data, %pair]
  %y = call ptr @result_like(ptr %self, ptr %array, i64 %kind)
  %made = icmp ne ptr %y, null
  br i1 %made, label %read, label %fail
read:
  %loop.at = add i64 %kind, $loop4
  %program = call ptr @word(ptr %self, i64 %loop.at)
  %between.at = getelementptr i64, ptr %program, i64 1
  %length.at = getelementptr i64, ptr %program, i64 2
  %first = getelementptr i64, ptr %program, i64 3
  %places = load i64, ptr %program
  %between = load i64, ptr %between.at
  %length = load i64, ptr %length.at
  %step.first = getelementptr i64, ptr %first, i64 %places
  %room = mul i64 %n, 8
  %bytes = mul i64 %room, %between
  %scratch = alloca i8, i64 %bytes, align 64
  br label %copy.head
copy.head:
  %i = phi i64 [0, %read], [%i.next, %copy]
  %copying = icmp slt i64 %i, %places
  br i1 %copying, label %copy, label %filled
copy:
  %from = getelementptr ptr, ptr %first, i64 %i
  %to = getelementptr ptr, ptr %table, i64 %i
  %place = load ptr, ptr %from
  store ptr %place, ptr %to
  %i.next = add i64 %i, 1
  br label %copy.head
filled:
  store ptr %data, ptr %table
  br i1 %one, label %result, label %both
both:
  %table.1 = getelementptr ptr, ptr %table, i64 1
  store ptr %second, ptr %table.1
  br label %result
result:
  %out = call ptr @data_of(ptr %y)
  %out.at = getelementptr ptr, ptr %table, i64 %count
  store ptr %out, ptr %out.at
  br label %between.head
between.head:
  %j = phi i64 [0, %result], [%j.next, %between.one]
  %missing = icmp slt i64 %j, %between
  br i1 %missing, label %between.one, label %step.head
between.one:
  %offset = mul i64 %j, %room
  %own = getelementptr i8, ptr %scratch, i64 %offset
  %j.next = add i64 %j, 1
  %own.at = getelementptr ptr, ptr %out.at, i64 %j.next
  store ptr %own, ptr %own.at
  br label %between.head
step.head:
  %k = phi i64 [0, %between.head], [%k.next, %run]
  %more = icmp slt i64 %k, %length
  br i1 %more, label %step, label %wrap
step:
  %words = mul i64 %k, $STEP
  %step.at = getelementptr i64, ptr %step.first, i64 %words
  %given.at = getelementptr i64, ptr %step.at, i64 1
  %pairs = getelementptr i64, ptr %step.at, i64 2
  %loop = load ptr, ptr %step.at
  %beside = load ptr, ptr %given.at
  br label %argument.head
argument.head:
  %a = phi i64 [0, %step], [%a.next, %argument]
  %a.more = icmp slt i64 %a, 4
  br i1 %a.more, label %argument, label %run
argument:
  %a.words = mul i64 %a, 2
  %pair.at = getelementptr i64, ptr %pairs, i64 %a.words
  %stride.at = getelementptr i64, ptr %pair.at, i64 1
  %number = load i64, ptr %pair.at
  %stride = load i64, ptr %stride.at
  %memory.at = getelementptr ptr, ptr %table, i64 %number
  %memory = load ptr, ptr %memory.at
  %arg.at = getelementptr ptr, ptr %args, i64 %a
  %its.step.at = getelementptr i64, ptr %steps, i64 %a
  store ptr %memory, ptr %arg.at
  store i64 %stride, ptr %its.step.at
  %a.next = add i64 %a, 1
  br label %argument.head
run:
  store i64 %n, ptr %n.at
  call void %loop(ptr %args, ptr %n.at, ptr %steps, ptr %beside)
  %k.next = add i64 %k, 1
  br label %step.head
wrap:
  %t = call ptr @tensor_of(ptr %self, ptr %y)
  ret ptr %t
no:
  %none = call ptr @nothing(ptr %self)
  ret ptr %none
fail:
  ret ptr null
}
"""

CODE = "".join([_SELECT.replace("{size}", str(n)).replace("{bits}", str(8 * n)) for n in (1, 4, 8)]) + _CHAIN
