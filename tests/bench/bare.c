/* The floor: the same frames, checked and decoded as a C program would that stores nothing. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint16_t table[256];

static uint16_t crc(const uint8_t *data, int size) {
    uint16_t value = 0xFFFF;
    while (size--) value = value >> 8 ^ table[(value ^ *data++) & 0xFF];
    return value;
}

int main(int argc, char **argv) {
    int registers = atoi(argv[1]), rounds = atoi(argv[2]), size = 5 + 2 * registers;
    uint8_t frame[260], request[8] = {1, 3, 0, 0, 0, 0};
    volatile double sum = 0;
    struct timespec time;
    (void)argc;
    for (int byte = 0; byte < 256; byte++) {
        uint16_t value = byte;
        for (int bit = 0; bit < 8; bit++) value = value >> 1 ^ (value & 1 ? 0xA001 : 0);
        table[byte] = value;
    }
    if (fread(frame, 1, size, stdin) != (size_t)size) return 1;
    request[5] = registers;
    for (int round = 0; round < rounds; round++) {
        uint16_t check = crc(request, 6);
        memcpy(request + 6, &check, 2);
        if (frame[0] != request[0] || frame[1] != request[1] || frame[2] != 2 * registers) return 2;
        if (crc(frame, size - 2) != (frame[size - 2] | frame[size - 1] << 8)) return 3;
        for (int at = 0; at < registers; at++)
            sum += (frame[3 + 2 * at] << 8 | frame[4 + 2 * at]) * 0.1;
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    printf("%.9f\n", time.tv_sec + time.tv_nsec / 1e9);
    return 0;
}
