/* The one function that Rust programs want of bcryptprimitives.dll, for releases of Wine that lack the library. */
#include <windows.h>

/* Fills the bytes with random numbers, under the name by which the library of old exports it. */
BOOLEAN NTAPI SystemFunction036(PVOID bytes, ULONG length);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE bytes, SIZE_T length) {
    return SystemFunction036(bytes, (ULONG)length);
}
