/* A window without edges for the try-out of screen sharing: four patches of plain colour, at 100, 100 of the desktop, and
   a fifth in the middle that blinks. With an argument it waits that many milliseconds and goes. */
#include <windows.h>
#include <stdlib.h>

#define LEFT 100
#define TOP 100
#define WIDTH 640
#define HEIGHT 360

static int blinked = 0;

static void fill(HDC dc, int x, int y, int w, int h, COLORREF colour) {
    RECT place = {x, y, x + w, y + h};
    HBRUSH brush = CreateSolidBrush(colour);
    FillRect(dc, &place, brush);
    DeleteObject(brush);
}

static void paint(HDC dc) {
    fill(dc, 0, 0, WIDTH / 2, HEIGHT / 2, RGB(255, 0, 0));
    fill(dc, WIDTH / 2, 0, WIDTH / 2, HEIGHT / 2, RGB(0, 255, 0));
    fill(dc, 0, HEIGHT / 2, WIDTH / 2, HEIGHT / 2, RGB(0, 0, 255));
    fill(dc, WIDTH / 2, HEIGHT / 2, WIDTH / 2, HEIGHT / 2, RGB(255, 255, 255));
    fill(dc, WIDTH / 2 - 16, HEIGHT / 2 - 16, 32, 32, blinked ? RGB(255, 255, 0) : RGB(0, 0, 0));
}

static LRESULT CALLBACK procedure(HWND window, UINT message, WPARAM wide, LPARAM large) {
    switch (message) {
    case WM_PAINT: {
        PAINTSTRUCT work;
        paint(BeginPaint(window, &work));
        EndPaint(window, &work);
        return 0;
    }
    case WM_PRINTCLIENT:
        paint((HDC)wide);
        return 0;
    case WM_TIMER:
        if (wide == 2) {
            DestroyWindow(window);
        } else {
            blinked = !blinked;
            InvalidateRect(window, NULL, FALSE);
        }
        return 0;
    case WM_DESTROY:
        PostQuitMessage(0);
        return 0;
    }
    return DefWindowProcA(window, message, wide, large);
}

int WINAPI WinMain(HINSTANCE instance, HINSTANCE before, LPSTR arguments, int show) {
    WNDCLASSA class = {0};
    class.lpfnWndProc = procedure;
    class.hInstance = instance;
    class.hCursor = LoadCursorA(NULL, (LPCSTR)IDC_ARROW);
    class.lpszClassName = "BeckonPatches";
    RegisterClassA(&class);
    HWND window = CreateWindowExA(0, "BeckonPatches", "Beckon patches", WS_POPUP | WS_VISIBLE, LEFT, TOP, WIDTH, HEIGHT,
                                  NULL, NULL, instance, NULL);
    SetTimer(window, 1, 250, NULL);
    if (atoi(arguments) > 0) {
        SetTimer(window, 2, atoi(arguments), NULL);
    }
    MSG next;
    while (GetMessageA(&next, NULL, 0, 0) > 0) {
        DispatchMessageA(&next);
    }
    return 0;
}
