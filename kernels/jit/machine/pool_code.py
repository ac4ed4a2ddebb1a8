"""The threads of parallel loops (see pool.py) in LLVM's language, but for the words in braces."""

TEXT = """
; The loop at hand: its number << 32 | parts << 16 | the next part that nobody has taken.
@word = internal global i64 0, align 64
; How many parts are done; SLEEPS is added when the caller sleeps until the last one is.
@done = internal global i32 0, align 64
@busy = internal global i32 0, align 64
@sleepers = internal global i32 0, align 64
@loop = internal global [7 x i64] zeroinitializer, align 64
@wake = internal global [8 x i64] zeroinitializer, align 64
@end = internal global [8 x i64] zeroinitializer, align 64
; When the last loop ended, and what a part of a loop took when it last ran, by the address of its code.
@ended = internal global i64 0, align 64
@costs = internal global [256 x i64] zeroinitializer, align 64
; The core on which the caller published the last loop.
@home = internal global i32 -1, align 64

define internal void @wait(ptr %semaphore) {
start:
  br label %again
again:
  %status = call i32 @sem_wait(ptr %semaphore)
  %failed = icmp ne i32 %status, 0
  br i1 %failed, label %again, label %awake
awake:
  ret void
}

define internal i64 @now() {
  %time = alloca [2 x i64]
  call i32 @clock_gettime(i32 1, ptr %time)
  %seconds = load i64, ptr %time
  %rest.at = getelementptr i64, ptr %time, i64 1
  %rest = load i64, ptr %rest.at
  %whole = mul i64 %seconds, 1000000000
  %t = add i64 %whole, %rest
  ret i64 %t
}

; Leave the caller's core, if that is where this worker is; whether it is on another one now. Which cores there are is what
; the first thread of the process may use when it is asked, so that a change of that is heeded.
define internal i1 @aside() {
start:
  %mask = alloca [16 x i64]
  %core = call i32 @sched_getcpu()
  %home = load atomic i32, ptr @home monotonic, align 4
  %met = icmp eq i32 %core, %home
  %in.mask = icmp ult i32 %core, 1024
  %may = and i1 %met, %in.mask
  br i1 %may, label %ask, label %leave
ask:
  %process = call i32 @getpid()
  %asked = call i32 @sched_getaffinity(i32 %process, i64 128, ptr %mask)
  %known = icmp eq i32 %asked, 0
  br i1 %known, label %move, label %leave
move:
  %core.64 = zext i32 %core to i64
  %word.of = lshr i64 %core.64, 6
  %bit.of = and i64 %core.64, 63
  %word.at = getelementptr i64, ptr %mask, i64 %word.of
  %cores = load i64, ptr %word.at
  %bit = shl i64 1, %bit.of
  %others = xor i64 %bit, -1
  %cores.less = and i64 %cores, %others
  store i64 %cores.less, ptr %word.at
  %status = call i32 @sched_setaffinity(i32 0, i64 128, ptr %mask)
  %moved = icmp eq i32 %status, 0
  ret i1 %moved
leave:
  %apart = xor i1 %met, true
  ret i1 %apart
}

; Whether a part is left.
define internal i1 @left(i64 %w) {
  %next = and i64 %w, 65535
  %above = lshr i64 %w, 16
  %parts = and i64 %above, 65535
  %more = icmp ult i64 %next, %parts
  ret i1 %more
}

; One part, as NumPy's generalised functions are called: for it alone, with each address moved on by its step.
define internal void @part(i64 %k) {
start:
  %loop = load ptr, ptr @loop
  %args.at = getelementptr i64, ptr @loop, i64 1
  %args = load ptr, ptr %args.at
  %sizes.at = getelementptr i64, ptr @loop, i64 2
  %sizes = load ptr, ptr %sizes.at
  %steps.at = getelementptr i64, ptr @loop, i64 3
  %steps = load ptr, ptr %steps.at
  %data.at = getelementptr i64, ptr @loop, i64 4
  %data = load ptr, ptr %data.at
  %inner.at = getelementptr i64, ptr @loop, i64 5
  %inner = load i64, ptr %inner.at
  %arrays.at = getelementptr i64, ptr @loop, i64 6
  %arrays = load i64, ptr %arrays.at
  %count = add i64 %inner, 1
  %own.sizes = alloca i64, i64 %count
  %own.args = alloca i64, i64 %arrays
  %bytes = mul i64 %count, 8
  call void @llvm.memcpy.p0.p0.i64(ptr %own.sizes, ptr %sizes, i64 %bytes, i1 false)
  store i64 1, ptr %own.sizes
  br label %head
head:
  %i = phi i64 [0, %start], [%next, %body]
  %more = icmp ult i64 %i, %arrays
  br i1 %more, label %body, label %call
body:
  %base.at = getelementptr i64, ptr %args, i64 %i
  %base = load i64, ptr %base.at
  %step.at = getelementptr i64, ptr %steps, i64 %i
  %step = load i64, ptr %step.at
  %moved = mul i64 %step, %k
  %address = add i64 %base, %moved
  %own.at = getelementptr i64, ptr %own.args, i64 %i
  store i64 %address, ptr %own.at
  %next = add i64 %i, 1
  br label %head
call:
  call void %loop(ptr %own.args, ptr %own.sizes, ptr %steps, ptr %data)
  ret void
}

; Take parts until none is left; how many there were. The number in the word keeps a late worker from the parts of a loop it
; did not see: the word has changed, and what stands in @loop stays while a taken part is not done.
define internal i64 @take() {
start:
  br label %look
look:
  %took = phi i64 [0, %start], [%took.more, %counted], [%took, %missed]
  %w = load atomic i64, ptr @word acquire, align 8
  %more = call i1 @left(i64 %w)
  br i1 %more, label %claim, label %none
claim:
  %w.next = add i64 %w, 1
  %pair = cmpxchg ptr @word, i64 %w, i64 %w.next acq_rel acquire
  %mine = extractvalue { i64, i1 } %pair, 1
  br i1 %mine, label %run, label %missed
missed:
  br label %look
run:
  %k = and i64 %w, 65535
  call void @part(i64 %k)
  %before = atomicrmw add ptr @done, i32 1 acq_rel
  %after = add i32 %before, 1
  %above = lshr i64 %w, 16
  %parts = and i64 %above, 65535
  %parts.32 = trunc i64 %parts to i32
  %awaited = or i32 %parts.32, {sleeps}
  %last = icmp eq i32 %after, %awaited
  br i1 %last, label %tell, label %counted
tell:
  call i32 @sem_post(ptr @end)
  br label %counted
counted:
  %took.more = add i64 %took, 1
  br label %look
none:
  ret i64 %took
}

define ptr @dlengine_worker(ptr %none) {
start:
  %begin = call i64 @now()
  br label %work
work:
  %patience = phi i64 [{awake}, %start], [%adapted, %found]
  %took = call i64 @take()
  %idle = call i64 @now()
  br label %spin
spin:
  %turn = phi i32 [0, %work], [%turn.next, %pausing], [0, %looked]
  %w = load atomic i64, ptr @word acquire, align 8
  %more = call i1 @left(i64 %w)
  br i1 %more, label %found, label %pausing.maybe
pausing.maybe:
  call void @{pause}({turn})
  %turn.next = add i32 %turn, 1
  %enough = icmp uge i32 %turn.next, 16
  br i1 %enough, label %clock, label %pausing
pausing:
  br label %spin
clock:
  %t = call i64 @now()
  %waited = sub i64 %t, %idle
  %over = icmp sge i64 %waited, %patience
  %apart = call i1 @aside()
  %near.caller = xor i1 %apart, true
  %rest = or i1 %over, %near.caller
  br i1 %rest, label %sleep, label %looked
looked:
  br label %spin
sleep:
  ; Say so first, then look once more: a caller that has not seen a sleeper has published its loop before.
  %sleepers.before = atomicrmw add ptr @sleepers, i32 1 seq_cst
  %w.again = load atomic i64, ptr @word seq_cst, align 8
  %came = call i1 @left(i64 %w.again)
  br i1 %came, label %retract, label %wait
retract:
  %s = load atomic i32, ptr @sleepers seq_cst, align 4
  %posted = icmp eq i32 %s, 0
  br i1 %posted, label %wait, label %try
try:
  %s.less = sub i32 %s, 1
  %pair = cmpxchg ptr @sleepers, i32 %s, i32 %s.less seq_cst seq_cst
  %retracted = extractvalue { i32, i1 } %pair, 1
  br i1 %retracted, label %found, label %retract
wait:
  call void @wait(ptr @wake)
  br label %found
found:
  %late = call i64 @now()
  %gap = sub i64 %late, %idle
  %near = icmp slt i64 %gap, {awake}
  %half = lshr i64 %patience, 1
  %short = icmp slt i64 %half, {least}
  %shorter = select i1 %short, i64 {least}, i64 %half
  %adapted = select i1 %near, i64 {awake}, i64 %shorter
  call i1 @aside()
  br label %work
}

define void @dlengine_pool(
    ptr %loop, ptr %args, ptr %sizes, ptr %steps, ptr %data, i64 %inner, i64 %arrays, i32 %threads) {
start:
  %parts = load i64, ptr %sizes
  %few = icmp ule i64 %parts, 1
  %many = icmp ugt i64 %parts, 65535
  %plain = or i1 %few, %many
  br i1 %plain, label %alone, label %enter
enter:
  ; One loop at a time; one that comes meanwhile, from another thread or from inside a part, is its caller's own.
  %pair = cmpxchg ptr @busy, i32 0, i32 1 acq_rel acquire
  %free = extractvalue { i32, i1 } %pair, 1
  br i1 %free, label %publish, label %alone
alone:
  call void %loop(ptr %args, ptr %sizes, ptr %steps, ptr %data)
  ret void
publish:
  store ptr %loop, ptr @loop
  %args.at = getelementptr i64, ptr @loop, i64 1
  store ptr %args, ptr %args.at
  %sizes.at = getelementptr i64, ptr @loop, i64 2
  store ptr %sizes, ptr %sizes.at
  %steps.at = getelementptr i64, ptr @loop, i64 3
  store ptr %steps, ptr %steps.at
  %data.at = getelementptr i64, ptr @loop, i64 4
  store ptr %data, ptr %data.at
  %inner.at = getelementptr i64, ptr @loop, i64 5
  store i64 %inner, ptr %inner.at
  %arrays.at = getelementptr i64, ptr @loop, i64 6
  store i64 %arrays, ptr %arrays.at
  %core = call i32 @sched_getcpu()
  store atomic i32 %core, ptr @home monotonic, align 4
  store atomic i32 0, ptr @done release, align 4
  %w.old = load atomic i64, ptr @word monotonic, align 8
  %number = lshr i64 %w.old, 32
  %number.next = add i64 %number, 1
  %high = shl i64 %number.next, 32
  %middle = shl i64 %parts, 16
  %none.taken = or i64 %high, %middle
  %w = or i64 %none.taken, 1
  store atomic i64 %w, ptr @word seq_cst, align 8
  ; Nobody is woken for a short loop that comes alone.
  %begin = call i64 @now()
  %ended = load i64, ptr @ended
  %since = sub i64 %begin, %ended
  %alone.now = icmp sgt i64 %since, {awake}
  %code = ptrtoint ptr %loop to i64
  %code.high = lshr i64 %code, 4
  %place = and i64 %code.high, 255
  %cost.at = getelementptr i64, ptr @costs, i64 %place
  %cost = load i64, ptr %cost.at
  %is.known = icmp sgt i64 %cost, 0
  %is.short = icmp slt i64 %cost, {short}
  %known.short = and i1 %is.known, %is.short
  %asleep.stay = and i1 %known.short, %alone.now
  %others = sub i64 %parts, 1
  %others.32 = trunc i64 %others to i32
  %roused = select i1 %asleep.stay, i32 0, i32 %others.32
  br label %wake
wake:
  %wanted = phi i32 [%roused, %publish], [%wanted, %again], [%wanted.less, %post]
  %s = load atomic i32, ptr @sleepers seq_cst, align 4
  %asleep = icmp sgt i32 %s, 0
  %lacking = icmp sgt i32 %wanted, 0
  %rouse = and i1 %asleep, %lacking
  br i1 %rouse, label %claim, label %work
claim:
  %s.less = sub i32 %s, 1
  %claimed.pair = cmpxchg ptr @sleepers, i32 %s, i32 %s.less seq_cst seq_cst
  %claimed = extractvalue { i32, i1 } %claimed.pair, 1
  br i1 %claimed, label %post, label %again
again:
  br label %wake
post:
  call i32 @sem_post(ptr @wake)
  %wanted.less = sub i32 %wanted, 1
  br label %wake
work:
  ; The first part is always the caller's: taken now by this core and now by that, its arrays would go to and fro.
  call void @part(i64 0)
  %done.before = atomicrmw add ptr @done, i32 1 acq_rel
  %others.took = call i64 @take()
  %took = add i64 %others.took, 1
  %parts.32 = trunc i64 %parts to i32
  %mine.end = call i64 @now()
  %mine.took = sub i64 %mine.end, %begin
  %each = sdiv i64 %mine.took, %took
  store i64 %each, ptr %cost.at
  store i64 %mine.end, ptr @ended
  br label %wait
wait:
  %turn = phi i32 [0, %work], [%turn.next, %turning]
  %finished = load atomic i32, ptr @done acquire, align 4
  %all = icmp eq i32 %finished, %parts.32
  br i1 %all, label %leave, label %turning.maybe
turning.maybe:
  call void @{pause}({turn})
  %turn.next = add i32 %turn, 1
  %long = icmp uge i32 %turn.next, {pauses}
  br i1 %long, label %sleep, label %turning
turning:
  br label %wait
sleep:
  %seen = atomicrmw add ptr @done, i32 {sleeps} acq_rel
  %all.seen = icmp eq i32 %seen, %parts.32
  br i1 %all.seen, label %leave, label %sleeping
sleeping:
  call void @wait(ptr @end)
  br label %leave
leave:
  store atomic i32 0, ptr @busy release, align 4
  ret void
}

define i32 @dlengine_pool_ready() {
  %a = call i32 @sem_init(ptr @wake, i32 0, i32 0)
  %b = call i32 @sem_init(ptr @end, i32 0, i32 0)
  %status = or i32 %a, %b
  ret i32 %status
}

declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare void @{pause}({kind})
declare i32 @sem_init(ptr, i32, i32)
declare i32 @sem_post(ptr)
declare i32 @sem_wait(ptr)
declare i32 @clock_gettime(i32, ptr)
declare i32 @getpid()
declare i32 @sched_getcpu()
declare i32 @sched_getaffinity(i32, i64, ptr)
declare i32 @sched_setaffinity(i32, i64, ptr)
"""
"""The last two parameters of dlengine_pool and the calling convention of %loop are those of Numba's parallel_for."""
