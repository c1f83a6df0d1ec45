/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox, from inside: each case enters one in a child process and tries
 * what its groups allow and what they do not. The parent judges by exit
 * status and by what the child logged.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/channel.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/sandbox.h"
#include "tests/unit/lib/in_sandbox.h"

#define REFUSED(call) HOLDS((errno = 0, (long)(call) == -1) && is_refusal())

static bool is_refusal(void)
{
    return errno == EPERM || errno == EACCES;
}

static int run_groups(unsigned groups, child_fn *fn)
{
    const struct sandbox_path paths[] = {{folder_fd, true}};
    const struct sandbox s = {
        .role = "test",
        .groups = groups,
        .paths = (groups & SANDBOX_FILES) != 0 ? paths : NULL,
        .npaths = (groups & SANDBOX_FILES) != 0 ? 1 : 0,
        .tcp_connect = (groups & SANDBOX_CONNECT) != 0,
    };

    return run(&s, fn, NULL, 0);
}

/* What every role may do ------------------------------------------------- */

static int base_works(void)
{
    struct epoll_event ev = {.events = EPOLLIN};
    struct itimerspec soon = {.it_value.tv_nsec = 1000000};
    struct sigaction sa;
    struct rlimit rl;
    struct stat st;
    uint64_t n = 1;
    uint8_t random[16];
    char *memory = malloc(1 << 20);
    int ep = epoll_create1(EPOLL_CLOEXEC);
    int ev_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);

    HOLDS(memory != NULL);
    memset(memory, 1, 1 << 20);
    memory = realloc(memory, 8 << 20);
    HOLDS(memory != NULL);
    free(memory);
    HOLDS(ep >= 0 && ev_fd >= 0 && timer >= 0);
    HOLDS(epoll_ctl(ep, EPOLL_CTL_ADD, timer, &ev) == 0);
    HOLDS(timerfd_settime(timer, 0, &soon, NULL) == 0);
    HOLDS(epoll_wait(ep, &ev, 1, 5000) == 1);
    HOLDS(write(ev_fd, &n, sizeof(n)) == 8 && read(ev_fd, &n, sizeof(n)) == 8);
    HOLDS(getrandom(random, sizeof(random), 0) == sizeof(random));
    HOLDS(clock_wall_ms() > 0 && clock_boot_ms() > 0);
    (void)clock_synchronised();
    HOLDS(errno != EPERM);
    HOLDS(fstat(ev_fd, &st) == 0);
    HOLDS(getrlimit(RLIMIT_NOFILE, &rl) == 0);
    memset(&sa, 0, sizeof(sa));
    sa.sa_handler = SIG_IGN;
    HOLDS(sigaction(SIGPIPE, &sa, NULL) == 0);
    log_info("alive", "pid=%d", (int)getpid());
    HOLDS(close(ep) == 0 && close(ev_fd) == 0 && close(timer) == 0);
    return 0;
}

static int packets[2];

static int base_packets_work(void)
{
    char text[8];
    size_t length, nfds = 1;
    int passed = STDERR_FILENO, got;

    HOLDS(channel_send_wait(packets[0], "hi", 2, &passed, 1, 1000) == 0);
    HOLDS(channel_receive_wait(packets[1], text, sizeof(text), &length, &got,
                               &nfds, 1000) == 0);
    HOLDS(length == 2 && nfds == 1 && close(got) == 0);
    return 0;
}

static void test_base_works(void **state)
{
    (void)state;
    assert_int_equal(run_groups(SANDBOX_BASE, base_works), 0);
    assert_int_equal(channel_pair(packets), 0);
    assert_int_equal(run_groups(SANDBOX_BASE, base_packets_work), 0);
    (void)close(packets[0]);
    (void)close(packets[1]);
}

/* P12 -------------------------------------------------------------------- */

/* Reading the state of the clock is allowed, and so the call is: that it sets
 * nothing is for the capabilities, which also root loses. */
static int clock_set(void)
{
    struct timex tx = {.modes = 0};

    if (adjtimex(&tx) < 0)
        return 0;
    tx.modes = ADJ_STATUS; /* to what it is */
    return adjtimex(&tx);
}

static int no_way_out(void)
{
    char name[] = "/bin/true";
    char *argv[] = {name, NULL};
    struct rlimit rl = {64, 64};
    int pair[2];

    REFUSED(execve("/bin/true", argv, argv + 1));
    REFUSED(syscall(SYS_execveat, AT_FDCWD, "/bin/true", argv, NULL, 0));
    REFUSED(open("/etc/passwd", O_RDONLY));
    REFUSED(open("/tmp/sp-sandbox-probe", O_WRONLY | O_CREAT, 0600));
    REFUSED(kill(getppid(), 0));
    REFUSED(syscall(SYS_tgkill, getppid(), getppid(), 0));
    /* No such process: only the filter says EPERM before looking. */
    REFUSED(syscall(SYS_tgkill, 0x3fffffff, 0x3fffffff, 0));
    REFUSED(syscall(SYS_tkill, getppid(), 0));
    REFUSED(syscall(SYS_pidfd_open, getppid(), 0));
    REFUSED(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    REFUSED(socket(AF_NETLINK, SOCK_RAW, 0));
    REFUSED(socket(AF_INET, SOCK_STREAM, 0));
    REFUSED(syscall(SYS_bpf, 0, NULL, 0));
    REFUSED(syscall(SYS_io_uring_setup, 1, NULL));
    REFUSED(syscall(SYS_userfaultfd, 0));
    REFUSED(syscall(SYS_unshare, 0));
    REFUSED(syscall(SYS_mount, "none", "/mnt", "tmpfs", 0, NULL));
    REFUSED(syscall(SYS_memfd_create, "x", 0));
    REFUSED(syscall(SYS_setuid, 0));
    REFUSED(setrlimit(RLIMIT_CORE, &rl));
    REFUSED(clock_set());
    HOLDS(syscall(SYS_clone3, NULL, 0) == -1 && errno == ENOSYS);
    return 0;
}

#ifndef SP_SANITIZED /* these, sanitizers need */
static int no_code_or_processes(void)
{
    struct timespec ts = {.tv_sec = 0};
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    HOLDS(page != MAP_FAILED);
    REFUSED(mprotect(page, 4096, PROT_READ | PROT_EXEC));
    REFUSED(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
                 -1, 0) == MAP_FAILED
                ? -1
                : 0);
    REFUSED(fork());
    REFUSED(syscall(SYS_vfork));
    REFUSED(syscall(SYS_ptrace, 16 /* ATTACH */, getppid(), NULL, NULL));
    REFUSED(prctl(PR_SET_DUMPABLE, 1));
    REFUSED(prctl(PR_SET_SECCOMP, 0));
    REFUSED(clock_settime(CLOCK_REALTIME, &ts));
    REFUSED(syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0));
    return 0;
}
#endif

static void test_P12_no_role_gets_out(void **state)
{
    /* Every group but the one that opens files. */
    const unsigned all = WORKER | SANDBOX_THREADS;

    (void)state;
    assert_int_equal(run_groups(SANDBOX_BASE, no_way_out), 0);
    assert_int_equal(run_groups(all, no_way_out), 0);
#ifndef SP_SANITIZED
    assert_int_equal(run_groups(SANDBOX_BASE, no_code_or_processes), 0);
    assert_int_equal(run_groups(all | KEEPER | DIALER, no_code_or_processes),
                     0);
#endif
}

/* Bells and channels are shared with other processes, which must not be made
 * to wait in them. */
static int no_blocking(void)
{
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), zero = 0;

    HOLDS(fd >= 0);
    REFUSED(fcntl(fd, F_SETFL, 0));
    REFUSED(fcntl(fd, F_SETFL, O_NONBLOCK));
    REFUSED(syscall(SYS_ioctl, fd, 0x5421 /* FIONBIO */, &zero));
    REFUSED(fcntl(fd, F_SETOWN, getppid()));
    return 0;
}

static void test_P12_shared_descriptors_stay_non_blocking(void **state)
{
    (void)state;
    assert_int_equal(run_groups(WORKER, no_blocking), 0);
}

static int transcript = -1;

/* What is in a transcript stays there, whoever has the worker. */
static int only_appending(void)
{
    struct iovec piece = {.iov_base = (char[]){'w'}, .iov_len = 1};
    char text[4];

    HOLDS(write(transcript, "more", 4) == 4);
    HOLDS(lseek(transcript, 0, SEEK_SET) == 0);
    HOLDS(write(transcript, "end", 3) == 3);
    HOLDS(fcntl(transcript, F_DUPFD_CLOEXEC, 0) >= 0);
    REFUSED(fcntl(transcript, F_SETFL, O_NONBLOCK));
    REFUSED(fcntl(transcript, F_SETFL, 0));
    REFUSED(pwrite(transcript, "w", 1, 0));
    REFUSED(syscall(SYS_pwritev2, transcript, &piece, 1, 0, 0, 0));
    REFUSED(ftruncate(transcript, 0));
    REFUSED(fallocate(transcript, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
                      1));
    REFUSED(fchmod(transcript, 0644));
    HOLDS(read(transcript, text, sizeof(text)) == -1 && errno == EBADF);
    HOLDS(mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, transcript, 0) ==
              MAP_FAILED &&
          errno == EACCES);
    return 0;
}

static void test_P12_a_transcript_is_only_appended_to(void **state)
{
    char name[] = "/tmp/sp-transcript-XXXXXX", text[32] = "";
    int fd = mkstemp(name);

    (void)state;
    assert_true(fd >= 0);
    transcript = open(name, O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_true(transcript >= 0);
    (void)unlink(name);
    assert_int_equal(write(transcript, "first,", 6), 6);
    assert_int_equal(run_groups(WORKER, only_appending), 0);
    assert_int_equal(pread(fd, text, sizeof(text) - 1, 0), 13);
    assert_string_equal(text, "first,moreend");
    close(fd);
    close(transcript);
}

/* Streams ---------------------------------------------------------------- */

static int stream_pair[2];
static int listening;

static int stream_works(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    socklen_t length = sizeof(int);
    char text[8];
    int value;

    HOLDS(send(stream_pair[0], "hello", 5, MSG_NOSIGNAL) == 5);
    HOLDS(recv(stream_pair[1], text, sizeof(text), 0) == 5);
    HOLDS(getsockopt(stream_pair[0], SOL_SOCKET, SO_ERROR, &value, &length) ==
          0);
    HOLDS(accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC) == -1);
    HOLDS(errno == EAGAIN);
    HOLDS(shutdown(stream_pair[0], SHUT_WR) == 0);
    REFUSED(sendto(stream_pair[0], "x", 1, MSG_NOSIGNAL, (struct sockaddr *)&in,
                   sizeof(in)));
    REFUSED(socket(AF_INET, SOCK_STREAM, 0));
    REFUSED(socket(AF_UNIX, SOCK_STREAM, 0));
    REFUSED(connect(stream_pair[0], (struct sockaddr *)&in, sizeof(in)));
    REFUSED(bind(stream_pair[0], (struct sockaddr *)&in, sizeof(in)));
    REFUSED(listen(stream_pair[0], 1));
    return 0;
}

static int stream_refused(void)
{
    REFUSED(send(stream_pair[0], "hello", 5, MSG_NOSIGNAL));
    REFUSED(shutdown(stream_pair[0], SHUT_WR));
    REFUSED(accept4(listening, NULL, NULL, 0));
    return 0;
}

static int listen_somewhere(struct sockaddr_in *in)
{
    socklen_t length = sizeof(*in);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    *in = (struct sockaddr_in){.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)in, sizeof(*in)), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)in, &length), 0);
    return fd;
}

static void test_P12_streams_only_on_sockets_it_has(void **state)
{
    struct sockaddr_in in;

    (void)state;
    listening = listen_somewhere(&in);
    assert_int_equal(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, stream_pair), 0);
    assert_int_equal(run_groups(WORKER, stream_works), 0);
    assert_int_equal(run_groups(KEEPER, stream_refused), 0);
    (void)close(stream_pair[0]);
    (void)close(stream_pair[1]);
    (void)close(listening);
}

static struct sockaddr_in elsewhere;

/* A listening socket that is shut is a new one, and TCP Fast Open connects
 * without connect(2), past seccomp's rule for it and, on older kernels, past
 * Landlock's. */
static int fast_open_refused(void)
{
    char byte = 0;
    struct iovec text = {&byte, 1};
    struct msghdr message = {.msg_name = &elsewhere,
                             .msg_namelen = sizeof(elsewhere),
                             .msg_iov = &text,
                             .msg_iovlen = 1};

    HOLDS(shutdown(listening, SHUT_RD) == 0);
    REFUSED(sendmsg(listening, &message, MSG_FASTOPEN | MSG_DONTWAIT));
    REFUSED(sendto(listening, "x", 1, MSG_FASTOPEN, NULL, 0));
    return 0;
}

static void test_P12_no_connecting_by_fast_open(void **state)
{
    struct sockaddr_in in;
    int target = listen_somewhere(&elsewhere);

    (void)state;
    listening = listen_somewhere(&in);
    assert_int_equal(run_groups(WORKER, fast_open_refused), 0);
    assert_int_equal(accept4(target, NULL, NULL, SOCK_CLOEXEC), -1);
    assert_int_equal(errno, EAGAIN);
    (void)close(listening);
    (void)close(target);
}

/* Of SOL_SOCKET and TCP only what our code sets. A program attached to a
 * listening socket would steer the other workers' connections here. */
static int options_refused(void)
{
    const struct linger hard = {.l_onoff = 1};
    const int on = 1;
    struct sock_filter code = {.code = BPF_RET | BPF_K};
    struct sock_fprog program = {.len = 1, .filter = &code};

    HOLDS(setsockopt(listening, SOL_SOCKET, SO_SNDBUF, &on, sizeof(on)) == 0);
    HOLDS(setsockopt(listening, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)) ==
          0);
    HOLDS(setsockopt(listening, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) ==
          0);
    REFUSED(setsockopt(listening, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF,
                       &program, sizeof(program)));
    REFUSED(setsockopt(listening, SOL_SOCKET, SO_ATTACH_FILTER, &program,
                       sizeof(program)));
    REFUSED(
        setsockopt(stream_pair[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)));
    REFUSED(setsockopt(listening, IPPROTO_TCP, TCP_FASTOPEN, &on, sizeof(on)));
    REFUSED(setsockopt(listening, IPPROTO_TCP, TCP_ULP, "tls", 3));
    return 0;
}

static void test_P12_few_socket_options(void **state)
{
    struct sockaddr_in in;

    (void)state;
    listening = listen_somewhere(&in);
    assert_int_equal(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, stream_pair), 0);
    assert_int_equal(run_groups(WORKER, options_refused), 0);
    (void)close(stream_pair[0]);
    (void)close(stream_pair[1]);
    (void)close(listening);
}

/* Connecting ------------------------------------------------------------- */

static struct sockaddr_in target;

static int connect_works(void)
{
    struct sockaddr_in any = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    HOLDS(fd >= 0);
    HOLDS(bind(fd, (struct sockaddr *)&any, sizeof(any)) == 0);
    HOLDS(connect(fd, (struct sockaddr *)&target, sizeof(target)) == 0);
    REFUSED(listen(fd, 1));
    HOLDS(close(fd) == 0);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    HOLDS(fd >= 0 && close(fd) == 0);
    REFUSED(socket(AF_UNIX, SOCK_DGRAM, 0));
    REFUSED(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
    REFUSED(socket(AF_INET, SOCK_STREAM, 262 /* IPPROTO_MPTCP */));
    REFUSED(socket(AF_PACKET, SOCK_RAW, 0));
    /* And no new Landlock rules. */
    REFUSED(syscall(SYS_landlock_create_ruleset, NULL, 0, 1));
    return 0;
}

/* With `debug` too: what glibc tries and does without must not be a trap. */
static int resolver_works(void)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;

    HOLDS(getaddrinfo("localhost", "443", &hints, &found) == 0);
    freeaddrinfo(found);
    HOLDS(socket(AF_NETLINK, SOCK_RAW, 0) == -1 && errno == EAFNOSUPPORT);
#ifndef SP_SANITIZED
    HOLDS(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
               -1, 0) == MAP_FAILED);
#endif
    return 0;
}

static int reading_only(void)
{
    HOLDS(open("/etc/hosts", O_RDONLY) >= 0);
    REFUSED(open("/etc/hosts", O_RDWR));
    REFUSED(open("/etc/sp-sandbox-probe", O_WRONLY | O_CREAT, 0600));
    REFUSED(open("/tmp", O_TMPFILE | O_RDWR, 0600));
    REFUSED(unlink("/tmp/sp-sandbox-nothing"));
    return 0;
}

static void test_connect_group(void **state)
{
    const struct sandbox_path etc = {open("/etc", O_PATH | O_CLOEXEC), false};
    struct sandbox s = {.role = "dialer",
                        .groups = DIALER,
                        .paths = &etc,
                        .npaths = 1,
                        .tcp_connect = true};
    int fd = listen_somewhere(&target);

    (void)state;
    assert_int_equal(run(&s, connect_works, NULL, 0), 0);
    assert_int_equal(run(&s, reading_only, NULL, 0), 0);
    assert_int_equal(run(&s, resolver_works, NULL, 0), 0);
    s.debug = true;
    assert_int_equal(run(&s, resolver_works, NULL, 0), 0);
    (void)close(fd);
    (void)close(etc.fd);
}

/* Landlock refuses TCP to whoever has a socket call but not the permission,
 * and a fixed port to whoever may connect. */
static int tcp_refused(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    HOLDS(fd >= 0);
    REFUSED(connect(fd, (struct sockaddr *)&target, sizeof(target)));
    return 0;
}

static int fixed_port_refused(void)
{
    struct sockaddr_in fixed = target;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    HOLDS(fd >= 0);
    fixed.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
    REFUSED(bind(fd, (struct sockaddr *)&fixed, sizeof(fixed)));
    return 0;
}

static int kernel_landlock(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);

    return abi > 0 ? (int)abi : 0;
}

static void test_tcp_by_landlock(void **state)
{
    struct sandbox s = {.role = "test", .groups = DIALER};
    int fd;

    (void)state;
    if (kernel_landlock() < 4)
        skip();
    fd = listen_somewhere(&target);
    assert_int_equal(run(&s, tcp_refused, NULL, 0), 0);
    s.tcp_connect = true;
    assert_int_equal(run(&s, fixed_port_refused, NULL, 0), 0);
    (void)close(fd);
}

/* A socket without a path, of a process outside. */
static struct sockaddr_un abstract;

static int abstract_refused(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    HOLDS(fd >= 0);
    REFUSED(connect(fd, (struct sockaddr *)&abstract, sizeof(abstract)));
    return 0;
}

static void test_abstract_sockets_by_landlock(void **state)
{
    const struct sandbox s = {.role = "test", .groups = DIALER};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    if (kernel_landlock() < 6)
        skip();
    abstract.sun_family = AF_UNIX;
    (void)snprintf(abstract.sun_path + 1, sizeof(abstract.sun_path) - 1, "%s",
                   folder);
    assert_int_equal(bind(fd, (struct sockaddr *)&abstract, sizeof(abstract)),
                     0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(run(&s, abstract_refused, NULL, 0), 0);
    (void)close(fd);
}

/* Files ------------------------------------------------------------------ */

static int files_work(void)
{
    uint8_t *data;
    size_t length;

    HOLDS(file_create(folder_fd, "a", 0600, "one", 3) == 0);
    HOLDS(file_create(folder_fd, "a", 0600, "two", 3) == SP_EEXIST);
    HOLDS(file_replace(folder_fd, "a", 0600, "three", 5) == 0);
    HOLDS(file_read(folder_fd, "a", 100, &data, &length) == 0);
    HOLDS(length == 5 && memcmp(data, "three", 5) == 0);
    free(data);
    HOLDS(file_make_folders(folder_fd, "sub", 0700) == 0);
    HOLDS(renameat(folder_fd, "a", folder_fd, "sub/c") == 0);
    HOLDS(unlinkat(folder_fd, "sub/c", 0) == 0);
    HOLDS(unlinkat(folder_fd, "sub", AT_REMOVEDIR) == 0);
    return 0;
}

static int files_elsewhere_refused(void)
{
    REFUSED(open("/etc/passwd", O_RDONLY));
    REFUSED(open("/tmp/sp-sandbox-probe", O_WRONLY | O_CREAT, 0600));
    REFUSED(openat(folder_fd, "../../etc/passwd", O_RDONLY));
    REFUSED(mkdir("/tmp/sp-sandbox-probe", 0700));
    REFUSED(symlinkat("/etc", folder_fd, "link"));
    REFUSED(mknodat(folder_fd, "fifo", S_IFIFO | 0600, 0));
    return 0;
}

static int files_read_only(void)
{
    int fd = openat(folder_fd, "b", O_RDONLY | O_CLOEXEC);

    HOLDS(fd >= 0);
    REFUSED(openat(folder_fd, "b", O_WRONLY | O_CLOEXEC));
    REFUSED(unlinkat(folder_fd, "b", 0));
    REFUSED(openat(folder_fd, "a", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    return 0;
}

/* What Landlock would let through, the filter of a reading role does not. */
static int reading_role_writes_nothing(void)
{
    int fd = openat(folder_fd, "b", O_RDONLY | O_CLOEXEC);

    HOLDS(fd >= 0);
    REFUSED(openat(folder_fd, "b", O_WRONLY));
    REFUSED(openat(folder_fd, "b", O_RDWR));
    REFUSED(openat(folder_fd, "b", O_RDONLY | O_TRUNC));
    REFUSED(openat(folder_fd, "a", O_RDONLY | O_CREAT, 0600));
    REFUSED(openat(folder_fd, ".", O_TMPFILE | O_RDWR, 0600));
    REFUSED(unlinkat(folder_fd, "b", 0));
    REFUSED(renameat(folder_fd, "b", folder_fd, "a"));
    REFUSED(ftruncate(fd, 0));
    REFUSED(fchmod(fd, 0777));
    return 0;
}

static void test_P12_files_only_where_granted(void **state)
{
    const struct sandbox_path read_only = {folder_fd, false};
    const struct sandbox s = {
        .role = "test", .groups = KEEPER, .paths = &read_only, .npaths = 1};

    struct sandbox reading = {.role = "test", .groups = DIALER, .npaths = 1};
    const struct sandbox_path writable = {folder_fd, true};

    (void)state;
    assert_int_equal(run_groups(KEEPER, files_work), 0);
    assert_int_equal(file_create(folder_fd, "b", 0600, "x", 1), 0);
    reading.paths = &writable;
    assert_int_equal(run(&reading, reading_role_writes_nothing, NULL, 0), 0);
    if (kernel_landlock() == 0)
        skip();
    assert_int_equal(run_groups(KEEPER, files_elsewhere_refused), 0);
    assert_int_equal(run(&s, files_read_only, NULL, 0), 0);
}

/* Threads ---------------------------------------------------------------- */

static void *thread_body(void *arg)
{
    /* An arena of its own. */
    void *memory = malloc(100000);
    int *result = arg;

    *result = memory != NULL && open("/etc/passwd", O_RDONLY) == -1 ? 42 : 0;
    free(memory);
    return NULL;
}

static int threads_work(void)
{
    pthread_t thread;
    int result = 0;

    HOLDS(pthread_create(&thread, NULL, thread_body, &result) == 0);
    HOLDS(pthread_join(thread, NULL) == 0);
    HOLDS(result == 42);
    return 0;
}

#ifndef SP_SANITIZED
static int threads_refused(void)
{
    pthread_t thread;
    int result = 0;

    HOLDS(pthread_create(&thread, NULL, thread_body, &result) != 0);
    return 0;
}
#endif

static void test_threads_group(void **state)
{
    (void)state;
    assert_int_equal(run_groups(KEEPER, threads_work), 0);
#ifndef SP_SANITIZED
    assert_int_equal(run_groups(WORKER, threads_refused), 0);
#endif
}

/* Ends ------------------------------------------------------------------- */

static int aborts(void)
{
    abort();
}

static int opens_a_file(void)
{
    return open("/etc/passwd", O_WRONLY | O_APPEND) >= 0;
}

static void test_abort_is_seen(void **state)
{
    int status = run_groups(SANDBOX_BASE, aborts);

    (void)state;
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void test_debug_names_the_refused_call(void **state)
{
    const struct sandbox s = {
        .role = "worker/7", .groups = WORKER, .debug = true};
    char log[4096];
    int status;

    (void)state;
    assert_int_equal(run(&s, base_works, log, sizeof(log)), 0);
    status = run(&s, opens_a_file, log, sizeof(log));
    /* ThreadSanitizer holds signals back: there it is an exit status. */
    assert_true((WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) ||
                (WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGSYS));
    assert_non_null(
        strstr(log, " error worker/7 sandbox_refused call=openat\n"));
}

static int limits_hold(void)
{
    struct rlimit rl;

    HOLDS(getrlimit(RLIMIT_NOFILE, &rl) == 0);
    HOLDS(rl.rlim_cur == 128 && rl.rlim_max == 128);
    HOLDS(getrlimit(RLIMIT_CORE, &rl) == 0 && rl.rlim_max == 0);
    return 0;
}

static void test_limits(void **state)
{
    const struct sandbox s = {
        .role = "test", .groups = SANDBOX_BASE, .max_files = 128};

    (void)state;
    assert_int_equal(run(&s, limits_hold, NULL, 0), 0);
}

static int report_fields(void)
{
    return 0;
}

static void test_report_tells_what_the_kernel_has(void **state)
{
    const struct sandbox s = {.role = "test", .groups = SANDBOX_BASE};
    char log[4096];

    (void)state;
    assert_int_equal(run(&s, report_fields, log, sizeof(log)), 0);
    assert_int_equal(strstr(log, "landlock_missing") != NULL,
                     kernel_landlock() == 0);
}

#ifdef __SANITIZE_ADDRESS__
/* The leak check at the end of a sandboxed role must run, and find. */
static int leaks(void)
{
    void *volatile lost = malloc(77);

    HOLDS(lost != NULL);
    lost = NULL;
    exit(0);
}

static int leaks_nothing(void)
{
    exit(0);
}

static void test_leak_check_works_inside(void **state)
{
    char log[16384];

    (void)state;
    for (unsigned groups = WORKER;; groups = KEEPER) {
        const struct sandbox s = {.role = "test", .groups = groups};
        int status = run(&s, leaks_nothing, log, sizeof(log));

        if (status != 0)
            fail_msg("%s", log);
        status = run(&s, leaks, log, sizeof(log));
        if (status == 0 || strstr(log, "detected memory leaks") == NULL)
            fail_msg("%s", log);
        if (groups == KEEPER)
            break;
    }
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base_works),
        cmocka_unit_test(test_P12_no_role_gets_out),
        cmocka_unit_test(test_P12_shared_descriptors_stay_non_blocking),
        cmocka_unit_test(test_P12_a_transcript_is_only_appended_to),
        cmocka_unit_test(test_P12_streams_only_on_sockets_it_has),
        cmocka_unit_test(test_P12_no_connecting_by_fast_open),
        cmocka_unit_test(test_P12_few_socket_options),
        cmocka_unit_test(test_connect_group),
        cmocka_unit_test(test_tcp_by_landlock),
        cmocka_unit_test(test_abstract_sockets_by_landlock),
        cmocka_unit_test(test_P12_files_only_where_granted),
        cmocka_unit_test(test_threads_group),
        cmocka_unit_test(test_abort_is_seen),
        cmocka_unit_test(test_debug_names_the_refused_call),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_report_tells_what_the_kernel_has),
#ifdef __SANITIZE_ADDRESS__
        cmocka_unit_test(test_leak_check_works_inside),
#endif
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
