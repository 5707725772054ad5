package detect

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// scoreOf is what rule says of text, 0 when it finds nothing.
func scoreOf(text, rule string) int {
	for _, f := range Scan([]byte(text), Options{}, &Budget{Left: 1 << 20}, nil) {
		if f.Rule == rule {
			return f.Score
		}
	}
	return 0
}

func TestStyles(t *testing.T) {
	for _, text := range []string{
		`<p style="color:#ff0000; text-align: center">x</p>`,
		`<p style='font-family:"Open Sans", serif'>x</p>`,
		`<img alt="x" src="data:image/png;base64,iVBORw0KGgo="><b style="color:red">y</b>`,
		`<td style="width:50%;"><span style="background:rgba(0, 0, 0, .5)">x</span></td>`,
		`<td style="font-family: &quot;Open Sans&quot;, serif; background: url(https://example.com/a.png)">x</td>`,
		`<!--[if mso]><table><tr><td width="600"><![endif]-->x`,
		`<!--[if gte mso 9]><xml><o:AllowPNG/></xml><![endif]-->x`,
		`<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd"><html xmlns="http://www.w3.org/1999/xhtml">x`,
		`<meta http-equiv="Content-Type" content="text/html; charset=utf-8"><meta name="viewport" content="width=device-width">x`,
		"we all began every page with <!DOCTYPE html> in these days",
		`<style>a[x] { color: red } @media (max-width: 600px) { p { margin: 0 } }</style>x`,
		`<style><!-- /* of \\ all */ p { color: red !important; } --></style>x`,
		`<![if !supportLists]><span style='mso-list:Ignore'>1.</span><![endif]>x`,
		`<!--[if !vml]--><p style="*display:inline;border=0">x</p><!--[endif]-->`,
		`<td style="background: linear-gradient(#fff, #000)">x</td>`,
		`<meta name="description" content="{about} the cookies &amp; links of a Mac">x`,
		`<p itemscope><link itemprop="availability" href="https://schema.org/InStock"/>x`,
		`<link href="https://fonts.googleapis.com/css?family=Lato:300,400" rel="stylesheet">x`,
		`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><g fill="none"><path d="M0 0h9"/></g></svg>x`,
	} {
		require.Equal(t, styleScore, scoreOf(text, "941100"), text)
	}
	for _, text := range []string{
		`<style>p { x: expr/**/ession(1) }</style>`,
		`<style>/* a */ @import '//example.com/x.css';</style>`,
		`<style>/* </style><script>alert(1)</script> */</style>`,
		`<p style="x:expr*/ession(1)">x</p>`,
		`<meta name=">" http-equiv="refresh" content="0;url=//example.com">`,
		`<link title=">" rel="stylesheet" href="//example.com/x.css">`,
		`<link href="//example.com/x.css" rel="stylesheet">`,
		`<link href="//example.com/x.css" rel="stylesheet" href="https://fonts.googleapis.com/x">`,
		`<link href="https://example.com/" onload="alert(1)">`,
		`<link href="https://fonts.gstatic.com.example.com/x.css" rel="stylesheet">`,
		`<svg><path onclick="alert(1)"/></svg>`,
		`<svg/onload="alert(1)"></svg>`,
		`<svg><a xlink:href="javascript:alert(1)"></a></svg>`,
		`<svg><style>p{}</style></svg>`,
		`<svg><path d="M0" style="marker-start:url(x.svg#a)"/></svg>`,
		`<svg><path d="M0"/>`,
		`<![if IE]><script>alert(1)</script><![endif]>`,
		`<p style="width:expression(alert(1))">x</p>`,
		`<p style="x:expr/**/ession(1)">x</p>`,
		`<p style="width:exp\72 ession(1)">x</p>`,
		`<p style="background:url(javascript:alert(1))">x</p>`,
		`<p style="behavior:url(x.htc)">x</p>`,
		`<p style="behavior: x">x</p>`,
		`<p style="-moz-binding: x">x</p>`,
		`<p style="-o-link:'javascript:alert(1)'">x</p>`,
		`<p style="color:red" onclick="alert(1)">x</p>`,
		`<p onclick="alert(1)" style="color:red">x</p>`,
		`<p style="color:red"><script>alert(1)</script>`,
		`<p style=color:red>x</p>`,
		`<p style="color:red`,
		`<p style="&#101;xpression(1)">x</p>`,
		`<img src="data:image/svg+xml;base64,PHN2Zz4=">`,
		`<img src="data:image/png;base64,iVBOR<x">`,
		`<iframe src="data:image/png;base64,iVBOR">`,
		`<td style="font-family: &#40;x">x</td>`,
		`<!--[if IE]><script>alert(1)</script><![endif]-->`,
		`<!DOCTYPE html <script>alert(1)</script>`,
		`<!DOCTYPE html [<!ENTITY x SYSTEM "file:///etc/passwd">]>`,
		`<html xmlns="http://www.w3.org/1999/xhtml" onclick="alert(1)">`,
		`<html xmlns="javascript:alert(1)">`,
		`<meta http-equiv="refresh" content="0;url=//example.com">`,
		`<meta charset="utf-7">`,
		`<xml src="x.xml" id=a></xml>`,
		`<meta content="x" onclick=alert(1)>`,
		`<style>@import "//example.com/x.css"</style>`,
		`<style>a{b:exp\72 ession(1)}</style>`,
		`<style>a{}`,
		`<style onload=alert(1)></style>`,
		strings.Repeat("<meta name=a>", maxMarkup+1),
	} {
		require.Equal(t, 5, scoreOf(text, "941100"), text)
	}
}

func TestPlainWords(t *testing.T) {
	for _, text := range []string{"I try to use it too", "To delete a zone :", "karrick, (2)", "@vue/*", "packages/*/src"} {
		require.Equal(t, proseScore, scoreOf(text, "942100"), text)
	}
	for _, text := range []string{"1 or 1=1", "' or 1 --", "x; drop table y", "1/**/or/**/2"} {
		require.Equal(t, 5, scoreOf(text, "942100"), text)
	}
	require.False(t, isPlain([]byte("a -- b")))
	require.False(t, isPlain([]byte("1 /* x */")))
}

func TestFormulas(t *testing.T) {
	for text, rule := range map[string]string{"cos(-x) = cos(x)": "942151", "tan(-x) = -tan(x)": "942100", "f(x) = 2*exp(-x^2)": "942151"} {
		require.Equal(t, formulaScore, scoreOf(text, rule), text)
	}
	for _, text := range []string{"1 or cos(1)=1", "1 and exp(~(select 1))", "cos(1)--", "1/**/=cos(1)", "ab=cos(1)", "1-exp(710)", "2.2e-308", "'=cos(1)"} {
		require.False(t, isFormula([]byte(text)), text)
	}
}

// TestControlBetweenLetters: one control character all over hides a text, several
// of them are data.
func TestControlBetweenLetters(t *testing.T) {
	require.False(t, isBinary([]byte("<\x01s\x01c\x01r\x01i\x01p\x01t\x01>")))
	require.True(t, isBinary([]byte("<\x01s\x02c\x01r\x05i\x01p\x01t\x01>")))
	require.False(t, isBinary([]byte("a plain text\x01\x02")[:13]))
}

// TestJSX: code of a page's parts is no page.
func TestJSX(t *testing.T) {
	require.Equal(t, jsxScore, scoreOf(`<b onClick={e => f(e)}>x</b>`, "941100"))
}
