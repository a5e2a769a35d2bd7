/* What the NDK's crtbegin_dynamic.o does: hands the kernel's stack to bionic's libc, which calls main.
 * https://android.googlesource.com/platform/bionic/+/main/libc/bionic/libc_init_dynamic.cpp
 */
#include <stddef.h>

int main(int, char **, char **);

/* Arrays of constructors and destructors, with counts since Android 15: there are none. */
static void *const nothing[6];

__attribute__((noreturn)) void __libc_init(void *stack, void (*at_exit)(void), int (*)(int, char **, char **), void *const *);

__attribute__((used, noreturn)) void nngauge_start(void *stack)
{
    __libc_init(stack, NULL, main, nothing);
}

#if defined(__aarch64__)
__asm__(".globl _start\n_start:\n mov x29, #0\n mov x30, #0\n mov x0, sp\n b nngauge_start\n");
#elif defined(__x86_64__)
__asm__(".globl _start\n_start:\n xor %ebp, %ebp\n mov %rsp, %rdi\n and $-16, %rsp\n call nngauge_start\n");
#endif
