/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which system calls each group of the sandbox holds, and the filter made of
 * them (libseccomp). Whatever is not in a table fails with EPERM; with `debug`
 * it traps, and the handler names the call. Runs once in each role process;
 * the one it protects against is that process itself, taken over (P12).
 *
 * Pointers cannot be filtered: a call whose danger is in what it points to is
 * left out, or bound by Landlock as well.
 */
#include "lib/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <ucontext.h>
#include <unistd.h>

#include "lib/clock.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif

#define B SANDBOX_BASE
#define S SANDBOX_STREAM
#define A SANDBOX_ACCEPT
#define C SANDBOX_CONNECT
#define F SANDBOX_FILES
#define R SANDBOX_READ_FILES
#define T SANDBOX_THREADS
#define M SANDBOX_MEMORY

/* Calls that are harmless whatever their arguments. */
static const struct {
    unsigned groups; /* any of these */
    int call;
} plain[] = {
    /* memory (mmap and mprotect are below) */
    {B, SCMP_SYS(brk)},
    {B, SCMP_SYS(munmap)},
    {B, SCMP_SYS(mremap)},
    {B, SCMP_SYS(madvise)},
    {B, SCMP_SYS(mlock)},
    {B, SCMP_SYS(munlock)},
    {B, SCMP_SYS(membarrier)},
    /* time; setting the clock takes a capability, which is dropped */
    {B, SCMP_SYS(clock_gettime)},
    {B, SCMP_SYS(clock_getres)},
    {B, SCMP_SYS(clock_nanosleep)},
    {B, SCMP_SYS(nanosleep)},
    {B, SCMP_SYS(gettimeofday)},
    {B, SCMP_SYS(time)},
    {B, SCMP_SYS(adjtimex)},
    {B, SCMP_SYS(clock_adjtime)},
    {B, SCMP_SYS(timerfd_create)},
    {B, SCMP_SYS(timerfd_settime)},
    {B, SCMP_SYS(timerfd_gettime)},
    /* waiting */
    {B, SCMP_SYS(epoll_create1)},
    {B, SCMP_SYS(epoll_ctl)},
    {B, SCMP_SYS(epoll_wait)},
    {B, SCMP_SYS(epoll_pwait)},
    {B, SCMP_SYS(epoll_pwait2)},
    {B, SCMP_SYS(poll)},
    {B, SCMP_SYS(ppoll)},
    {B, SCMP_SYS(eventfd2)},
    {B, SCMP_SYS(futex)},
    {B, SCMP_SYS(sched_yield)},
    {B, SCMP_SYS(restart_syscall)},
    /* itself */
    {B, SCMP_SYS(exit)},
    {B, SCMP_SYS(exit_group)},
    {B, SCMP_SYS(rt_sigaction)},
    {B, SCMP_SYS(rt_sigprocmask)},
    {B, SCMP_SYS(rt_sigreturn)},
    {B, SCMP_SYS(rt_sigtimedwait)},
    {B, SCMP_SYS(sigaltstack)},
    {B, SCMP_SYS(signalfd4)},
    {B, SCMP_SYS(getpid)},
    {B, SCMP_SYS(gettid)},
    {B, SCMP_SYS(getppid)},
    {B, SCMP_SYS(getuid)},
    {B, SCMP_SYS(geteuid)},
    {B, SCMP_SYS(getgid)},
    {B, SCMP_SYS(getegid)},
    {B, SCMP_SYS(getrusage)},
    {B, SCMP_SYS(getcpu)},
    {B, SCMP_SYS(sched_getaffinity)},
    {B, SCMP_SYS(sysinfo)},
    {B, SCMP_SYS(uname)},
    {B, SCMP_SYS(getrandom)},
    {B, SCMP_SYS(rseq)},
    {B | T, SCMP_SYS(set_robust_list)},
    {B, SCMP_SYS(set_tid_address)},
    /* descriptors it has */
    {B, SCMP_SYS(read)},
    {B, SCMP_SYS(write)},
    {B, SCMP_SYS(readv)},
    {B, SCMP_SYS(writev)},
    {B, SCMP_SYS(close)},
    {B, SCMP_SYS(fstat)},
    {B, SCMP_SYS(lseek)},
    {B | S, SCMP_SYS(recvmsg)},
    {S, SCMP_SYS(recvfrom)},
    {S, SCMP_SYS(shutdown)},
    {S, SCMP_SYS(getsockopt)},
    {S, SCMP_SYS(getsockname)},
    {S, SCMP_SYS(getpeername)},
    {A, SCMP_SYS(accept4)},
    /* connecting; sendto and sendmmsg with an address are for the resolver */
    {C, SCMP_SYS(connect)},
    {C, SCMP_SYS(bind)}, /* no listen; TCP to port 0 only, by Landlock */
    {C, SCMP_SYS(sendto)},
    {C, SCMP_SYS(sendmmsg)},
    {C, SCMP_SYS(recvfrom)},
    {C, SCMP_SYS(getsockopt)},
    {C, SCMP_SYS(getsockname)},
    {C, SCMP_SYS(getpeername)},
    {C, SCMP_SYS(shutdown)},
    /* files below the folders that Landlock leaves */
    {F | R, SCMP_SYS(newfstatat)},
    {F | R, SCMP_SYS(statx)},
    {F | R, SCMP_SYS(access)},
    {F | R, SCMP_SYS(faccessat)},
    {F | R, SCMP_SYS(faccessat2)},
    {F | R | M, SCMP_SYS(pread64)},
    {F | R, SCMP_SYS(preadv)},
    {F | R, SCMP_SYS(fadvise64)},
    {F, SCMP_SYS(openat)},
    {F, SCMP_SYS(pwrite64)},
    {F, SCMP_SYS(pwritev)},
    {F, SCMP_SYS(fsync)},
    {F, SCMP_SYS(fdatasync)},
    {F, SCMP_SYS(sync_file_range)},
    {F, SCMP_SYS(fallocate)},
    {F, SCMP_SYS(ftruncate)},
    {F, SCMP_SYS(rename)},
    {F, SCMP_SYS(renameat)},
    {F, SCMP_SYS(renameat2)},
    {F, SCMP_SYS(link)},
    {F, SCMP_SYS(linkat)},
    {F, SCMP_SYS(unlink)},
    {F, SCMP_SYS(unlinkat)},
    {F, SCMP_SYS(rmdir)},
    {F, SCMP_SYS(mkdir)},
    {F, SCMP_SYS(mkdirat)},
    {F, SCMP_SYS(fchmod)},
    {F, SCMP_SYS(getdents64)},
    {F, SCMP_SYS(flock)},
    {F, SCMP_SYS(fstatfs)},
    /* memory to hand on */
    {M, SCMP_SYS(memfd_create)},
    {M, SCMP_SYS(ftruncate)},
#ifdef SP_SANITIZED
    /* What AddressSanitizer, its leak check (a tracer thread that attaches to
     * the others) and ThreadSanitizer do. These builds are for tests, and not
     * for those of P12. */
    {B, SCMP_SYS(mmap)},
    {B, SCMP_SYS(mprotect)},
    {B, SCMP_SYS(prctl)},
    {B, SCMP_SYS(arch_prctl)},
    {B, SCMP_SYS(clone)},
    {B, SCMP_SYS(wait4)},
    {B, SCMP_SYS(ptrace)},
    {B, SCMP_SYS(personality)},
    {B, SCMP_SYS(readlink)},
    {B, SCMP_SYS(readlinkat)},
    {B, SCMP_SYS(stat)},
    {B, SCMP_SYS(newfstatat)},
    {B, SCMP_SYS(getdents)},
    {B, SCMP_SYS(getdents64)},
    {B, SCMP_SYS(getcwd)},
    {B, SCMP_SYS(prlimit64)},
    {B, SCMP_SYS(pipe2)},
    {B, SCMP_SYS(dup)},
    {B, SCMP_SYS(dup2)},
    {B, SCMP_SYS(process_vm_readv)},
    {B, SCMP_SYS(mincore)},
#endif
};

/* Calls that are allowed with some arguments: (argument & mask) == value. */
#define ALL32     0xffffffffu
#define EQ(value) ALL32, (value)
#define READ_ONLY_MASK                                                         \
    (O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND | (O_TMPFILE & ~O_DIRECTORY))
#define THREAD_FLAGS                                                           \
    (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM | CLONE_SIGHAND |       \
     CLONE_THREAD | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)
#define TYPE_MASK 0xfu /* the type without SOCK_CLOEXEC and SOCK_NONBLOCK */
#define NULL64    UINT64_MAX, 0

struct condition {
    unsigned argument;
    uint64_t mask;
    uint64_t value;
};

static const struct {
    unsigned groups;
    int call;
    unsigned count;
    struct condition conditions[3];
} conditional[] = {
    /* Nothing that was written becomes code. */
    {B, SCMP_SYS(mmap), 1, {{2, PROT_EXEC, 0}}},
    {B, SCMP_SYS(mprotect), 1, {{2, PROT_EXEC, 0}}},
    {B, SCMP_SYS(prctl), 1, {{0, EQ(PR_SET_NAME)}}},
    {B, SCMP_SYS(prctl), 1, {{0, EQ(PR_GET_NAME)}}},
    {B, SCMP_SYS(prctl), 1, {{0, EQ(PR_SET_VMA)}}},
    /* Reading limits, not setting them. */
    {B, SCMP_SYS(prlimit64), 2, {{0, EQ(0)}, {2, NULL64}}},
    /* glibc's fstat(fd) */
    {B, SCMP_SYS(newfstatat), 1, {{3, AT_EMPTY_PATH, AT_EMPTY_PATH}}},
    {B, SCMP_SYS(fcntl), 1, {{1, EQ(F_GETFD)}}},
    {B, SCMP_SYS(fcntl), 1, {{1, EQ(F_SETFD)}}},
    {B, SCMP_SYS(fcntl), 1, {{1, EQ(F_GETFL)}}},
    {B, SCMP_SYS(fcntl), 1, {{1, EQ(F_DUPFD_CLOEXEC)}}},
    {B, SCMP_SYS(fcntl), 1, {{1, EQ(F_GET_SEALS)}}},
    /* Never back to blocking, and therefore no FIONBIO: bells and channels are
     * shared with other processes, which must not be made to wait in them. And
     * not for who has neither: a worker could take O_APPEND off a transcript
     * and write over what is in it (P12). */
    {C | F,
     SCMP_SYS(fcntl),
     2,
     {{1, EQ(F_SETFL)}, {2, O_NONBLOCK, O_NONBLOCK}}},
    {S | C, SCMP_SYS(ioctl), 1, {{1, EQ(0x541b /* FIONREAD */)}}},
    {S | C, SCMP_SYS(ioctl), 1, {{1, EQ(0x5411 /* SIOCOUTQ */)}}},
#ifdef SP_SANITIZED
    /* Before a report: is standard error a terminal? */
    {B, SCMP_SYS(ioctl), 1, {{1, EQ(0x5401 /* TCGETS */)}}},
#endif
    /* The peer that is connected, nobody else. A listening socket that is shut
     * down is a new one, and TCP Fast Open connects it without connect(2). */
    {S, SCMP_SYS(sendto), 2, {{3, MSG_FASTOPEN, 0}, {4, NULL64}}},
    {B | S, SCMP_SYS(sendmsg), 1, {{2, MSG_FASTOPEN, 0}}},
    /* What our code sets. Others make a socket more than it was: a program on
     * a listening one takes the connections of all workers. */
    {S | C, SCMP_SYS(setsockopt), 2, {{1, EQ(SOL_SOCKET)}, {2, EQ(SO_LINGER)}}},
    {S | C, SCMP_SYS(setsockopt), 2, {{1, EQ(SOL_SOCKET)}, {2, EQ(SO_SNDBUF)}}},
    {S | C,
     SCMP_SYS(setsockopt),
     2,
     {{1, EQ(SOL_SOCKET)}, {2, EQ(SO_KEEPALIVE)}}},
    {S | C,
     SCMP_SYS(setsockopt),
     2,
     {{1, EQ(IPPROTO_TCP)}, {2, EQ(TCP_NODELAY)}}},
    {S | C,
     SCMP_SYS(setsockopt),
     2,
     {{1, EQ(IPPROTO_TCP)}, {2, EQ(TCP_NOTSENT_LOWAT)}}},
    {C, SCMP_SYS(setsockopt), 1, {{1, EQ(IPPROTO_IP)}}},
    {C, SCMP_SYS(setsockopt), 1, {{1, EQ(IPPROTO_IPV6)}}},
    {C,
     SCMP_SYS(socket),
     3,
     {{0, EQ(AF_UNIX)}, {1, TYPE_MASK, SOCK_STREAM}, {2, EQ(0)}}},
    /* The protocol is named: MPTCP would get around Landlock's TCP rules. */
    {C,
     SCMP_SYS(socket),
     3,
     {{0, EQ(AF_INET)}, {1, TYPE_MASK, SOCK_STREAM}, {2, EQ(0)}}},
    {C,
     SCMP_SYS(socket),
     3,
     {{0, EQ(AF_INET)}, {1, TYPE_MASK, SOCK_STREAM}, {2, EQ(IPPROTO_TCP)}}},
    {C,
     SCMP_SYS(socket),
     3,
     {{0, EQ(AF_INET6)}, {1, TYPE_MASK, SOCK_STREAM}, {2, EQ(0)}}},
    {C,
     SCMP_SYS(socket),
     3,
     {{0, EQ(AF_INET6)}, {1, TYPE_MASK, SOCK_STREAM}, {2, EQ(IPPROTO_TCP)}}},
    {C, SCMP_SYS(socket), 2, {{0, EQ(AF_INET)}, {1, TYPE_MASK, SOCK_DGRAM}}},
    {C, SCMP_SYS(socket), 2, {{0, EQ(AF_INET6)}, {1, TYPE_MASK, SOCK_DGRAM}}},
    {R, SCMP_SYS(openat), 1, {{2, READ_ONLY_MASK, 0}}},
    {F, SCMP_SYS(fcntl), 1, {{1, EQ(F_SETLK)}}},
    {F, SCMP_SYS(fcntl), 1, {{1, EQ(F_SETLKW)}}},
    {F, SCMP_SYS(fcntl), 1, {{1, EQ(F_OFD_SETLK)}}},
    {T, SCMP_SYS(clone), 1, {{0, UINT64_MAX, THREAD_FLAGS}}},
    {M, SCMP_SYS(fcntl), 1, {{1, EQ(F_ADD_SEALS)}}},
#ifdef SP_SANITIZED
    {B, SCMP_SYS(openat), 1, {{2, READ_ONLY_MASK, 0}}},
    {B, SCMP_SYS(open), 1, {{1, READ_ONLY_MASK, 0}}},
#endif
};

/* Refusals that are expected, so that they do not trap with `debug`. */
static const struct {
    unsigned groups;
    int call;
    int error;
    unsigned count;
    struct condition conditions[1];
} expected[] = {
    /* glibc tries clone3 first and, told ENOSYS, takes clone, whose flags are
     * an argument and not behind a pointer. */
    {B, SCMP_SYS(clone3), ENOSYS, 0, {{0, 0, 0}}},
    /* getaddrinfo() asks for the interfaces, and for name services that are
     * libraries; without them it takes all addresses and DNS. */
    {C, SCMP_SYS(socket), EAFNOSUPPORT, 1, {{0, EQ(AF_NETLINK)}}},
#ifndef SP_SANITIZED
    {C, SCMP_SYS(mmap), EPERM, 1, {{2, PROT_EXEC, PROT_EXEC}}},
#endif
};

#undef B
#undef S
#undef A
#undef C
#undef F
#undef R
#undef T
#undef M

static int rule_add(scmp_filter_ctx ctx, uint32_t action, int call,
                    const struct condition *conditions, unsigned count)
{
    struct scmp_arg_cmp args[3];
    int result;

    for (unsigned i = 0; i < count; i++) {
        args[i] = (struct scmp_arg_cmp){
            .arg = conditions[i].argument,
            .op = SCMP_CMP_MASKED_EQ,
            .datum_a = conditions[i].mask,
            .datum_b = conditions[i].value,
        };
    }
    result = seccomp_rule_add_array(ctx, action, call, count, args);
    /* EDOM: this architecture has no such call (time, unlink, …). */
    if (result == 0 || result == -EDOM)
        return 0;
    return result == -ENOMEM ? SP_ENOMEM : SP_EIO;
}

static int plain_add(scmp_filter_ctx ctx, unsigned groups)
{
    int error = 0;

    for (size_t i = 0; error == 0 && i < COUNT(plain); i++) {
        if ((plain[i].groups & groups) != 0)
            error = rule_add(ctx, SCMP_ACT_ALLOW, plain[i].call, NULL, 0);
    }
    return error;
}

static int conditional_add(scmp_filter_ctx ctx, unsigned groups)
{
    int error = 0;

    for (size_t i = 0; error == 0 && i < COUNT(conditional); i++) {
        if ((conditional[i].groups & groups) != 0)
            error = rule_add(ctx, SCMP_ACT_ALLOW, conditional[i].call,
                             conditional[i].conditions, conditional[i].count);
    }
    return error;
}

static int expected_add(scmp_filter_ctx ctx, unsigned groups, bool debug)
{
    int error = 0;

    for (size_t i = 0; error == 0 && i < COUNT(expected); i++) {
        /* What is the default action already is refused as a rule. */
        if ((expected[i].groups & groups) == 0 ||
            (!debug && expected[i].error == EPERM))
            continue;
        error = rule_add(ctx, SCMP_ACT_ERRNO((uint32_t)expected[i].error),
                         expected[i].call, expected[i].conditions,
                         expected[i].count);
    }
    return error;
}

/* abort() and raise() signal this process; nobody else is in reach. */
static int self_signal_add(scmp_filter_ctx ctx)
{
    const struct condition self = {0, ALL32, (uint64_t)getpid()};

    return rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), &self, 1);
}

/* Naming a refused call -------------------------------------------------- */

#define NAMES_MAX 512

static char *names[NAMES_MAX]; /* resolving allocates, a handler may not */
static const char *role_name;

#ifdef SP_HOOKS
static volatile sig_atomic_t tolerant;

void filter_tolerate(bool yes)
{
    tolerant = yes ? 1 : 0;
}

/* Makes the trapped call return -EPERM. */
static bool call_refused_kindly(ucontext_t *context)
{
    if (!tolerant)
        return false;
#if defined(__x86_64__)
    context->uc_mcontext.gregs[REG_RAX] = -EPERM;
    return true;
#elif defined(__aarch64__)
    context->uc_mcontext.regs[0] = (unsigned long long)-EPERM;
    return true;
#else
    (void)context;
    return false;
#endif
}
#endif

/* A bounded line, put together by hand: in a signal handler stdio may not. */
struct text {
    char bytes[160];
    size_t length;
};

static void text_add(struct text *t, const char *s)
{
    while (*s != '\0' && t->length < sizeof(t->bytes))
        t->bytes[t->length++] = *s++;
}

static void text_add_number(struct text *t, unsigned n)
{
    char digits[12];
    size_t at = sizeof(digits) - 1;

    digits[at] = '\0';
    do
        digits[--at] = (char)('0' + n % 10);
    while ((n /= 10) != 0);
    text_add(t, digits + at);
}

static void trapped(int signal_number, siginfo_t *info, void *context)
{
    struct text t = {.length = 0};
    char time[CLOCK_UTC_SIZE];
    int call = info->si_syscall;
    int saved = errno;

#ifdef SP_HOOKS
    if (call_refused_kindly(context))
        return;
#else
    (void)context;
#endif
    clock_format_utc(clock_wall_ms(), time);
    text_add(&t, time);
    text_add(&t, " error ");
    text_add(&t, role_name);
    text_add(&t, " sandbox_refused call=");
    if (call >= 0 && call < NAMES_MAX && names[call] != NULL)
        text_add(&t, names[call]);
    else
        text_add_number(&t, (unsigned)call);
    text_add(&t, "\n");
    if (write(STDERR_FILENO, t.bytes, t.length) < 0)
        errno = saved; /* nobody left to tell */
    /* SA_NODEFER and the default action: the parent sees SIGSYS. */
    (void)signal(signal_number, SIG_DFL);
    (void)raise(signal_number);
    _exit(128 + signal_number);
}

static int trap_prepare(const struct sandbox *s)
{
    struct sigaction sa;

    role_name = s->role;
    for (int i = 0; i < NAMES_MAX; i++) {
        if (names[i] == NULL)
            names[i] = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, i);
    }
    memset(&sa, 0, sizeof(sa));
    sa.sa_sigaction = trapped;
    sa.sa_flags = SA_SIGINFO | SA_NODEFER;
    return sigaction(SIGSYS, &sa, NULL) == 0 ? 0 : sp_error_from_errno();
}

/* The filter ------------------------------------------------------------- */

static int filter_load(scmp_filter_ctx ctx)
{
    int result;

    /* All threads, should there be some; a tree instead of a list. */
    if (seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1) != 0 ||
        seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2) != 0)
        return SP_EUNSUPPORTED;
    result = seccomp_load(ctx);
    if (result == 0)
        return 0;
    errno = -result;
    return errno == EINVAL || errno == ENOSYS ? SP_EUNSUPPORTED
                                              : sp_error_from_errno();
}

int filter_enter(const struct sandbox *s)
{
    const uint32_t refuse = s->debug ? SCMP_ACT_TRAP : SCMP_ACT_ERRNO(EPERM);
    scmp_filter_ctx ctx = seccomp_init(refuse);
    int error;

    if (ctx == NULL)
        return SP_ENOMEM;
    if ((error = plain_add(ctx, s->groups)) != 0 ||
        (error = conditional_add(ctx, s->groups)) != 0 ||
        (error = expected_add(ctx, s->groups, s->debug)) != 0 ||
        (error = self_signal_add(ctx)) != 0 ||
        (s->debug && (error = trap_prepare(s)) != 0))
        goto out;
    error = filter_load(ctx);
out:
    seccomp_release(ctx);
    return error;
}
