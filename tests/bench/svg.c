#include "bench/svg.h"

#include "base/macros.h"

static const char style[] =
	"<style>\n"
	"text{font-family:system-ui,-apple-system,'Segoe UI','DejaVu "
	"Sans',sans-serif;font-size:12px;fill:#1f2328}\n"
	".title{font-size:16px;font-weight:600}\n"
	".head{font-weight:600}\n"
	".note{font-size:11px;fill:#59636e}\n"
	".value{font-size:11px}\n"
	".card{fill:#fff;stroke:#d0d7de}\n"
	".grid{stroke:#e1e5ea}\n"
	".whisker{stroke:#1f2328;stroke-opacity:.55}\n"
	"path{fill:none;stroke-width:2}\n"
	".thin{stroke-width:1.3}\n"
	"@media (prefers-color-scheme:dark){\n"
	"text{fill:#e6edf3}.note{fill:#9198a1}.card{fill:#0d1117;stroke:#3d444d}.grid{stroke:#262c36}"
	".whisker{stroke:#e6edf3}\n"
	"}\n"
	"</style>\n";

static const char *const colours[SVG_COLOURS] = {"#2f81f7", "#e0823d", "#2da58e", "#8b949e",
						 "#a371f7", "#d4679a", "#b59a00", "#5b6ee1"};

static const char *colour_of(unsigned int colour)
{
	return colours[colour % SVG_COLOURS];
}

static void note(struct svg *s, int rc)
{
	if (s->rc == 0)
		s->rc = rc;
}

/* Text between tags. */
static void add_escaped(struct svg *s, const char *text)
{
	for (; *text != '\0'; text++) {
		switch (*text) {
		case '&':
			note(s, buf_add_str(s->out, "&amp;"));
			break;
		case '<':
			note(s, buf_add_str(s->out, "&lt;"));
			break;
		case '>':
			note(s, buf_add_str(s->out, "&gt;"));
			break;
		default:
			note(s, buf_add(s->out, text, 1));
		}
	}
}

void svg_begin(struct svg *s, struct buf *out, int width, int height, const char *describe)
{
	*s = (struct svg){.out = out};
	note(s, buf_printf(out,
			   "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
			   "viewBox=\"0 0 %d %d\" role=\"img\">\n<title>",
			   width, height, width, height));
	add_escaped(s, describe);
	note(s, buf_add_str(out, "</title>\n"));
	note(s, buf_add_str(out, style));
	note(s,
	     buf_printf(out, "<rect class=\"card\" x=\".5\" y=\".5\" width=\"%d\" height=\"%d\" rx=\"6\"/>\n",
			width - 1, height - 1));
}

int svg_end(struct svg *s)
{
	note(s, buf_add_str(s->out, "</svg>\n"));
	return s->rc;
}

void svg_text(struct svg *s, double x, double y, const char *look, enum svg_anchor anchor, const char *text)
{
	static const char *const anchors[] = {
		[SVG_LEFT] = "start", [SVG_MIDDLE] = "middle", [SVG_RIGHT] = "end"};

	note(s, buf_printf(s->out, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\" text-anchor=\"%s\">", x, y, look,
			   anchors[anchor]));
	add_escaped(s, text);
	note(s, buf_add_str(s->out, "</text>\n"));
}

static void line(struct svg *s, const char *look, double x1, double y1, double x2, double y2)
{
	note(s, buf_printf(s->out, "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n",
			   look, x1, y1, x2, y2));
}

void svg_grid(struct svg *s, double x1, double y1, double x2, double y2)
{
	line(s, "grid", x1, y1, x2, y2);
}

void svg_whisker(struct svg *s, double x1, double y1, double x2, double y2)
{
	line(s, "whisker", x1, y1, x2, y2);
}

void svg_bar(struct svg *s, double x, double y, double width, double height, unsigned int colour)
{
	note(s,
	     buf_printf(
		     s->out,
		     "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"1.5\" fill=\"%s\"/>\n",
		     x, y, width, height, colour_of(colour)));
}

void svg_dot(struct svg *s, double x, double y, unsigned int colour)
{
	note(s, buf_printf(s->out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\" fill=\"%s\"/>\n", x, y,
			   colour_of(colour)));
}

static void path(struct svg *s, const char *look, const double *x, const double *y, size_t n,
		 unsigned int colour)
{
	note(s, buf_printf(s->out, "<path%s stroke=\"%s\" d=\"", look, colour_of(colour)));
	for (size_t i = 0; i < n; i++)
		note(s, buf_printf(s->out, "%s%.1f %.1f", i == 0 ? "M" : " L", x[i], y[i]));
	note(s, buf_add_str(s->out, "\"/>\n"));
}

void svg_path(struct svg *s, const double *x, const double *y, size_t n, unsigned int colour)
{
	path(s, "", x, y, n, colour);
}

void svg_thin_path(struct svg *s, const double *x, const double *y, size_t n, unsigned int colour)
{
	path(s, " class=\"thin\"", x, y, n, colour);
}
