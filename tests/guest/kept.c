/* As a time server does: tells the kernel that the clock is right. */
#include <stdio.h>
#include <sys/timex.h>

int main(void) {
    struct timex right = { .modes = ADJ_MAXERROR | ADJ_ESTERROR | ADJ_STATUS };
    if (adjtimex(&right) < 0) {
        perror("adjtimex");
        return 1;
    }
    return 0;
}
