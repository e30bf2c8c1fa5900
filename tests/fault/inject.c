// SPDX-License-Identifier: Apache-2.0
// Fault injector: preloaded (LD_PRELOAD), it makes chosen calls of read, write, fsync, rename and open fail.
//
// TWINPIPE_INJECT="CALL[@FD]:WHEN:ERROR[,…]"
//   CALL   read, write, fsync, rename, open, ftruncate, unlink
//   FD     only on this descriptor; "file": only above 2. Without it: any but standard error
//   WHEN   N: the N-th such call; N+: that and all after it; N*: every N-th
//   ERROR  EINTR, EAGAIN, EIO, ENOSPC, EACCES, or SHORT: half of what was asked for, at least one byte; or STALL: only as
//          long as TWINPIPE_INJECT_WHILE lasts does the call wait, and then it succeeds; or CUT: the power goes, what was
//          written since the last fsync is lost, as it mostly is, and the process ends
// TWINPIPE_INJECT_WHILE=FILE: the rules hold, and calls count, while FILE exists.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { kRules = 8, kAnyDescriptor = -1, kFile = -2, kShort = -1, kStall = -2, kCut = -3 };

struct rule {
  char call[12];
  int fd;
  unsigned long first;
  char repeat;  // 0, '+' or '*'
  int error;
  unsigned long seen;
};

static struct rule rules[kRules];
static int rule_count;
static const char* while_file;

static int in_force(void) { return while_file == NULL || access(while_file, F_OK) == 0; }

static int error_by_name(const char* name) {
  static const struct {
    const char* name;
    int error;
  } names[] = {{"EINTR", EINTR},   {"EAGAIN", EAGAIN}, {"EIO", EIO},      {"ENOSPC", ENOSPC},
               {"EACCES", EACCES}, {"SHORT", kShort},  {"STALL", kStall}, {"CUT", kCut}};
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i)
    if (strcmp(name, names[i].name) == 0) return names[i].error;
  fprintf(stderr, "inject: no error called %s\n", name);
  _exit(99);
}

__attribute__((constructor)) static void parse_rules(void) {
  while_file = getenv("TWINPIPE_INJECT_WHILE");
  const char* text = getenv("TWINPIPE_INJECT");
  if (text == NULL) return;
  char copy[512];
  snprintf(copy, sizeof copy, "%s", text);
  for (char *save = NULL, *part = strtok_r(copy, ",", &save); part != NULL; part = strtok_r(NULL, ",", &save)) {
    struct rule* rule = &rules[rule_count];
    char where[16], when[16], error[16];
    if (rule_count == kRules || sscanf(part, "%15[^:]:%15[^:]:%15s", where, when, error) != 3) {
      fprintf(stderr, "inject: not a rule: %s\n", part);
      _exit(99);
    }
    char* at = strchr(where, '@');
    if (at != NULL) *at++ = '\0';
    snprintf(rule->call, sizeof rule->call, "%.11s", where);
    rule->fd = at == NULL ? kAnyDescriptor : strcmp(at, "file") == 0 ? kFile : atoi(at);
    char* end = NULL;
    rule->first = strtoul(when, &end, 10);
    rule->repeat = *end;
    rule->error = error_by_name(error);
    ++rule_count;
  }
}

/// Length of each file when it was synced last, and whether more was written to it.
enum { kTracked = 256 };
static struct {
  off_t synced;
  int dirty;
} files[kTracked];

static void cut_power(void) {
  for (int fd = 3; fd < kTracked; ++fd)
    if (files[fd].dirty && ftruncate(fd, files[fd].synced) != 0) _exit(98);
  raise(SIGKILL);
}

/// 0: let it pass; kShort; or the errno to fail with.
static int verdict(const char* call, int fd) {
  if (rule_count == 0 || !in_force()) return 0;
  for (int i = 0; i < rule_count; ++i) {
    struct rule* rule = &rules[i];
    const int applies = rule->fd == kAnyDescriptor ? fd != 2 : rule->fd == kFile ? fd > 2 : rule->fd == fd;
    if (!applies || strcmp(rule->call, call) != 0) continue;
    const unsigned long n = ++rule->seen;
    const int hit = rule->repeat == '+' ? n >= rule->first : rule->repeat == '*' ? n % rule->first == 0 : n == rule->first;
    if (hit && rule->error == kCut) cut_power();
    if (hit && rule->error == kStall) {
      while (while_file != NULL && in_force()) usleep(1000);
      return 0;
    }
    if (hit) return rule->error;
  }
  return 0;
}

#define REAL(type, name, ...)       \
  static type (*real)(__VA_ARGS__); \
  if (real == NULL) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static int fails(int error) {
  if (error <= 0) return 0;
  errno = error;
  return 1;
}

static size_t halved(int error, size_t size) { return error == kShort && size > 1 ? size / 2 : size; }

ssize_t read(int fd, void* at, size_t size) {
  REAL(ssize_t, "read", int, void*, size_t);
  const int error = verdict("read", fd);
  return fails(error) ? -1 : real(fd, at, halved(error, size));
}

ssize_t write(int fd, const void* at, size_t size) {
  REAL(ssize_t, "write", int, const void*, size_t);
  const int error = verdict("write", fd);
  struct stat info;
  if (fd > 2 && fd < kTracked && !files[fd].dirty && fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) {
    files[fd].synced = info.st_size;
    files[fd].dirty = 1;
  }
  return fails(error) ? -1 : real(fd, at, halved(error, size));
}

int fsync(int fd) {
  REAL(int, "fsync", int);
  if (fails(verdict("fsync", fd))) return -1;
  if (fd > 2 && fd < kTracked) files[fd].dirty = 0;
  return real(fd);
}

int rename(const char* from, const char* to) {
  REAL(int, "rename", const char*, const char*);
  return fails(verdict("rename", kFile)) ? -1 : real(from, to);
}

int open(const char* path, int flags, ...) {
  REAL(int, "open", const char*, int, ...);
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  return fails(verdict("open", kFile)) ? -1 : real(path, flags, mode);
}

int ftruncate(int fd, off_t size) {
  REAL(int, "ftruncate", int, off_t);
  return fails(verdict("ftruncate", fd)) ? -1 : real(fd, size);
}

int unlink(const char* path) {
  REAL(int, "unlink", const char*);
  return fails(verdict("unlink", kFile)) ? -1 : real(path);
}

int close(int fd) {
  REAL(int, "close", int);
  if (fd > 2 && fd < kTracked) files[fd].dirty = 0;
  return real(fd);
}
